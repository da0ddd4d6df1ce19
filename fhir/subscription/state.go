package subscription

import (
	"context"
	"encoding/json"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/internal/records"
)

// state is what is kept of a subscription beside its resource, as the record subscription/{id}.
type state struct {
	Author       string    `json:"author"`
	Criteria     string    `json:"criteria"`
	Position     store.Seq `json:"position"`     // everything up to here has been told
	FailingSince time.Time `json:"failingSince"` // zero: the last delivery went well

	version int64
}

const statePrefix = "subscription/"

// load reads the state; NotFound if there is none.
func (d *Dispatcher) load(ctx context.Context, id string) (state, error) {
	var st state
	r, err := d.Records.Get(ctx, statePrefix+id)
	if err != nil {
		return st, err
	}
	st.version = r.Version
	return st, fault.Wrap(json.Unmarshal(r.Value, &st), fault.Internal, "subscription.load", "The state of a subscription is damaged.")
}

// save writes the state if it is still the one that was loaded: Conflict if another node has it.
func (d *Dispatcher) save(ctx context.Context, id string, st *state) error {
	b, err := json.Marshal(st)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "subscription.save", "The state of a subscription cannot be written.")
	}
	version, err := d.Records.Put(ctx, records.Record{Key: statePrefix + id, Value: b, Version: st.version})
	if err == nil {
		st.version = version
	}
	return err
}

func (d *Dispatcher) forget(ctx context.Context, id string) error {
	return d.Records.Delete(ctx, statePrefix+id)
}
