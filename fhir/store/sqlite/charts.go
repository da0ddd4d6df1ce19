package sqlite

import (
	"context"
	"slices"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Compartment implements store.Charts.
func (db *DB) Compartment(ctx context.Context, q store.CompartmentRequest) (store.CompartmentPage, error) {
	const op = "store.Compartment"
	if q.Count < 0 || q.At < 0 || q.After < 0 {
		return store.CompartmentPage{}, fault.New(fault.Invalid, op, "Count, place and position of a page are not negative.")
	}
	if q.Count == 0 || q.Count > store.MaxCompartment {
		q.Count = store.MaxCompartment
	}
	page := store.CompartmentPage{At: q.At}
	err := db.readLong(ctx, op, func(conn *lite.Conn) error {
		applied, err := metaGet(conn, "applied")
		if err != nil {
			return err
		}
		if page.At == 0 {
			page.At = store.Seq(applied)
		}
		if page.At > store.Seq(applied) {
			return fault.New(fault.Invalid, op, "The page link names a state that this store never had.")
		}
		return compartment(conn, q, &page)
	})
	return page, err
}

// compartment fills the page. One more than is asked for is looked for, to know whether there is a next.
func compartment(conn *lite.Conn, q store.CompartmentRequest, page *store.CompartmentPage) error {
	size := 0
	for after := q.After; ; {
		var members []current
		err := run(conn, "SELECT "+currentColumns+" FROM member m JOIN res r ON r.rid = m.rid WHERE m.patient = CAST(? AS TEXT) AND m.rid > CAST(? AS INTEGER) ORDER BY m.rid LIMIT 256",
			func(s *lite.Stmt) error { members = append(members, scanCurrent(s)); return nil }, q.Patient, after)
		if err != nil || len(members) == 0 {
			return err
		}
		for i := range members {
			m := &members[i]
			if !store.Visible(q.Within, m.holder) || q.Types != nil && !slices.Contains(q.Types, m.typ) || m.time.Before(q.Since) {
				after = m.rid
				continue
			}
			v, err := memberAt(conn, m, page.At, q.Within)
			if err != nil {
				return err
			}
			if v.Deleted || v.Body == nil || v.Updated.Before(q.Since) {
				after = m.rid
				continue
			}
			if len(page.Resources) == q.Count || size > store.MaxPage {
				page.Next = after
				return nil
			}
			page.Resources = append(page.Resources, v)
			size += len(v.Body)
			after = m.rid
		}
	}
}

// memberAt is the version of a member at a position of the log; Deleted if there was none.
func memberAt(conn *lite.Conn, m *current, at store.Seq, within []string) (store.Version, error) {
	if seqOf(m.place) > at {
		return versionAt(conn, m.typ, m.id, at, within)
	}
	if m.deleted {
		return store.Version{Deleted: true}, nil
	}
	body, err := bodyAt(conn, m.place)
	return m.version(body), err
}

// ReadAt implements store.Charts.
func (db *DB) ReadAt(ctx context.Context, at store.Seq, references []string) ([]store.Version, error) {
	const op = "store.ReadAt"
	if len(references) > store.MaxReadAt {
		return nil, fault.Newf(fault.TooCostly, op, "At most %d resources are read at once.", store.MaxReadAt)
	}
	var list []store.Version
	err := db.read(ctx, op, func(conn *lite.Conn) error {
		for _, text := range references {
			ref := fhir.ParseReference(text)
			if ref.Kind != fhir.Local {
				continue
			}
			v, err := versionAt(conn, ref.Type, ref.ID, at, nil)
			if err != nil {
				return err
			}
			if !v.Deleted && v.Body != nil {
				list = append(list, v)
			}
		}
		return nil
	})
	return list, err
}

// LastChange implements store.Charts.
func (db *DB) LastChange(ctx context.Context, types ...string) (store.Seq, error) {
	var last store.Seq
	err := db.readOne(ctx, "store.LastChange", func(conn *lite.Conn) error {
		for _, typ := range types {
			place, err := number(conn, "SELECT max(place) FROM res WHERE type = ?", typ)
			if err != nil {
				return err
			}
			last = max(last, seqOf(place))
		}
		return nil
	})
	return last, err
}
