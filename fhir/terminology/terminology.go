// Package terminology answers questions about the code systems and value sets that the server keeps as resources (R4,
// terminology-service.html): which concepts a value set holds, what is known of a code, and which code subsumes which.
//
// It works on stored CodeSystem and ValueSet resources and on nothing else: it brings no code system of its own and asks no other
// server. So a value set that takes all of a system, or filters one, needs that system with its concepts; one that lists its codes
// needs only itself. Supplements are not applied, and no grammar of compositional codes is known (post-coordination).
//
// It has no database and no network of its own: resources come through the port Source. fhir/rest makes a Service over the
// store, serves the operations with it and gives it to searches (it is a search.Terminology). Anything that has a Source may.
package terminology

import (
	"context"
	"strings"
	"sync"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// Limits of one question; TooCostly past them.
const (
	MaxConcepts = 50_000    // concepts of one expansion
	maxImports  = 10        // value sets inside one another
	maxSteps    = 2_000_000 // concepts looked at for one expansion
	maxRegex    = 256       // bytes of a regex filter
)

// The cache is emptied when it would hold more than this, or when anything has changed.
const (
	cachedConcepts = 200_000
	cachedEntries  = 256
)

// Source gives the current resources of the types CodeSystem and ValueSet. Errors are *fault.Error.
type Source interface {
	// Stamp is a number that changes with every change of a CodeSystem or ValueSet, deletions included. It is asked with every
	// question, so it must be cheap.
	Stamp(ctx context.Context) (int64, error)
	// ByURL gives the resources of the type with that canonical URL, the one that was changed last first; none is no error.
	ByURL(ctx context.Context, typ, url string) ([]*fhir.Resource, error)
	// ByID gives one resource; NotFound or Gone if it is not there.
	ByID(ctx context.Context, typ, id string) (*fhir.Resource, error)
}

// Service answers from a Source. It is safe for concurrent use, and never tells what the Source no longer says: what it has worked
// out is kept only as long as the Source's stamp stays the same.
type Service struct {
	source Source

	mu    sync.Mutex
	stamp int64
	held  int // concepts in kept
	kept  map[string]sized
}

// sized is what the cache holds: a *CodeSystem or an *Expansion. Both are immutable.
type sized interface{ size() int }

var _ search.Terminology = (*Service)(nil)

// New makes a Service.
func New(source Source) *Service { return &Service{source: source, kept: map[string]sized{}} }

// System is the stored code system with that canonical URL ("http://..." or "http://...|version"). If there are several, an active
// one goes before others, and then the one that was changed last. NotFound if there is none; Invalid if it cannot be read.
func (s *Service) System(ctx context.Context, canonical string) (*CodeSystem, error) {
	return cached(ctx, s, "CodeSystem "+canonical, func() (*CodeSystem, error) {
		r, err := s.find(ctx, "CodeSystem", canonical)
		if err != nil {
			return nil, err
		}
		return ReadSystem(r)
	})
}

// SystemByID is the stored code system CodeSystem/id.
func (s *Service) SystemByID(ctx context.Context, id string) (*CodeSystem, error) {
	r, err := s.source.ByID(ctx, "CodeSystem", id)
	if err != nil {
		return nil, err
	}
	return ReadSystem(r)
}

// ValueSet is the stored value set with that canonical URL, with or without |version, or by the reference ValueSet/id. NotFound if
// there is none.
func (s *Service) ValueSet(ctx context.Context, canonical string) (*fhir.Resource, error) {
	if id, ok := strings.CutPrefix(canonical, "ValueSet/"); ok && fhir.IsID(id) {
		return s.source.ByID(ctx, "ValueSet", id)
	}
	return s.find(ctx, "ValueSet", canonical)
}

// Stored is the expansion of a stored value set, named as in ValueSet. Errors are those of ValueSet and Expand.
func (s *Service) Stored(ctx context.Context, canonical string) (*Expansion, error) {
	return cached(ctx, s, "ValueSet "+canonical, func() (*Expansion, error) {
		r, err := s.ValueSet(ctx, canonical)
		if err != nil {
			return nil, err
		}
		return s.Expand(ctx, r)
	})
}

// Members implements search.Terminology.
func (s *Service) Members(ctx context.Context, valueSet string) ([]search.Concept, error) {
	x, err := s.Stored(ctx, valueSet)
	if err != nil {
		return nil, err
	}
	list := make([]search.Concept, len(x.Members))
	for i := range x.Members {
		list[i] = search.Concept{System: x.Members[i].System, Code: x.Members[i].Code}
	}
	return list, nil
}

// Below implements search.Terminology.
func (s *Service) Below(ctx context.Context, system, code string) ([]search.Concept, error) {
	return s.related(ctx, system, code, (*CodeSystem).below)
}

// Above implements search.Terminology.
func (s *Service) Above(ctx context.Context, system, code string) ([]search.Concept, error) {
	return s.related(ctx, system, code, (*CodeSystem).above)
}

func (s *Service) related(ctx context.Context, system, code string, walk func(*CodeSystem, int) []int) ([]search.Concept, error) {
	cs, err := s.System(ctx, system)
	if err != nil {
		return nil, err
	}
	at, ok := cs.find(code)
	if !ok {
		return nil, noCode(cs, code)
	}
	found := walk(cs, at)
	if len(found) > MaxConcepts {
		return nil, tooMany()
	}
	list := make([]search.Concept, len(found))
	for i, at := range found {
		list[i] = search.Concept{System: cs.URL, Code: cs.concepts[at].Code}
	}
	return list, nil
}

// find gives the resource that a canonical URL means.
func (s *Service) find(ctx context.Context, typ, canonical string) (*fhir.Resource, error) {
	url, version, _ := strings.Cut(canonical, "|")
	if url == "" {
		return nil, fault.Newf(fault.Invalid, "terminology.find", "A %s is named by its canonical URL.", typ)
	}
	list, err := s.source.ByURL(ctx, typ, url)
	if err != nil {
		return nil, err
	}
	var best *fhir.Resource
	for _, r := range list {
		if version != "" && !r.Root.Get("version").IsString(version) {
			continue
		}
		if best == nil || !best.Root.Get("status").IsString("active") && r.Root.Get("status").IsString("active") {
			best = r
		}
	}
	if best == nil {
		return nil, fault.Newf(fault.NotFound, "terminology.find", "There is no %s %s on this server.", typ, clip(canonical))
	}
	return best, nil
}

// cached gives what is kept under the key, or makes and keeps it. What fails is not kept.
func cached[T sized](ctx context.Context, s *Service, key string, make func() (T, error)) (T, error) {
	var none T
	stamp, err := s.source.Stamp(ctx)
	if err != nil {
		return none, err
	}
	if v, ok := s.look(stamp, key).(T); ok {
		return v, nil
	}
	v, err := make()
	if err != nil {
		return none, err
	}
	s.keep(stamp, key, v)
	return v, nil
}

// look forgets everything when the stamp is another one.
func (s *Service) look(stamp int64, key string) sized {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stamp != s.stamp {
		s.forget(stamp)
	}
	return s.kept[key]
}

func (s *Service) keep(stamp int64, key string, v sized) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stamp != s.stamp || v.size() > cachedConcepts {
		return // it was made from what may have changed in the meantime, or is too large
	}
	if s.held+v.size() > cachedConcepts || len(s.kept) >= cachedEntries {
		s.forget(stamp)
	}
	s.kept[key] = v
	s.held += v.size()
}

func (s *Service) forget(stamp int64) {
	s.stamp, s.held = stamp, 0
	clear(s.kept)
}

func tooMany() error {
	return fault.Newf(fault.TooCostly, "terminology.Expand", "There are more than %d concepts in this; name a smaller value set.", MaxConcepts)
}

func noCode(cs *CodeSystem, code string) error {
	return fault.Newf(fault.NotFound, "terminology.Lookup", "The code system %s has no code %q.", clip(cs.URL), clip(code))
}

// clip keeps what a stranger wrote short enough to repeat.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	r := []rune(s[:most])
	return string(r[:len(r)-1]) + "…"
}
