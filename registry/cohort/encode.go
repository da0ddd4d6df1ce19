package cohort

import (
	"encoding/binary"
	"errors"
	"time"

	"khamxa/fhir/store"
)

// encode writes the timelines: for each person the id, flags, death, and the facts with times as differences.
func (b *Book) encode() ([]byte, store.Seq) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := binary.AppendVarint(nil, b.updated.UnixMilli())
	out = binary.AppendUvarint(out, uint64(len(b.people)))
	for i := range b.people {
		e := &b.people[i]
		out = binary.AppendUvarint(out, uint64(len(e.id)))
		out = append(out, e.id...)
		known := uint64(0)
		if e.Known {
			known = 1
		}
		for _, n := range []uint64{known, uint64(e.Death.First), uint64(e.Death.Last), uint64(len(e.episodes)), uint64(len(e.readings)), uint64(len(e.visits))} {
			out = binary.AppendUvarint(out, n)
		}
		for _, ep := range e.episodes {
			out = binary.BigEndian.AppendUint64(out, uint64(ep.Key))
			out = append(out, ep.Commune[:]...)
			out = binary.AppendVarint(out, int64(ep.start))
			out = binary.AppendVarint(out, int64(ep.until))
		}
		before := int64(0)
		for _, r := range e.readings {
			out = binary.BigEndian.AppendUint64(out, uint64(r.Key))
			out = binary.AppendVarint(out, r.at-before)
			out = binary.AppendVarint(out, int64(r.sys))
			out = binary.AppendVarint(out, int64(r.dia))
			before = r.at
		}
		before = 0
		for _, v := range e.visits {
			out = binary.BigEndian.AppendUint64(out, uint64(v.Key))
			out = binary.AppendVarint(out, int64(v.day)-before)
			before = int64(v.day)
		}
	}
	return out, b.position
}

var errShort = errors.New("the data end too early")

// source reads what encode wrote; the first error stays.
type source struct {
	data []byte
	err  error
}

func (s *source) take(n uint64) []byte {
	if s.err != nil || n > uint64(len(s.data)) {
		s.err = errShort
		return make([]byte, min(n, 8))
	}
	out := s.data[:n]
	s.data = s.data[n:]
	return out
}

func (s *source) uvarint() uint64 {
	v, n := binary.Uvarint(s.data)
	if n <= 0 {
		s.err = errShort
		return 0
	}
	s.data = s.data[n:]
	return v
}

func (s *source) varint() int64 {
	v, n := binary.Varint(s.data)
	if n <= 0 {
		s.err = errShort
		return 0
	}
	s.data = s.data[n:]
	return v
}

func (s *source) key() Key { return Key(binary.BigEndian.Uint64(s.take(8))) }

// decode fills an empty book from what encode wrote, and counts.
func (b *Book) decode(data []byte) error {
	s := &source{data: data}
	b.updated = time.UnixMilli(s.varint()).UTC()
	people := s.uvarint()
	for range people {
		if s.err != nil {
			return s.err
		}
		p := b.person(string(s.take(s.uvarint())))
		e := &b.people[p]
		e.Known = s.uvarint() == 1
		e.Death = Death{First: Month(s.uvarint()), Last: Month(s.uvarint())}
		b.decodeFacts(s, p, e)
		if s.err == nil {
			b.count(p, 1)
		}
	}
	if s.err == nil && len(s.data) > 0 {
		return errors.New("there are data after the end")
	}
	return s.err
}

func (b *Book) decodeFacts(s *source, p uint32, e *entry) {
	episodes, readings, visits := s.uvarint(), s.uvarint(), s.uvarint()
	if max(episodes, readings, visits) > uint64(len(s.data))/8 { // each fact has a key and more
		s.err = errShort
		return
	}
	e.episodes = make([]Episode, episodes)
	for i := range e.episodes {
		ep := Episode{Key: s.key(), Commune: Commune(s.take(5)), start: day(s.varint()), until: Month(s.varint())}
		ep.from = ep.start.month()
		e.episodes[i] = ep
		b.owners[ep.Key] = p
	}
	e.readings = make([]Reading, readings)
	before := int64(0)
	for i := range e.readings {
		r := Reading{Key: s.key(), at: before + s.varint(), sys: int16(s.varint()), dia: int16(s.varint())}
		r.month, before = monthAt(r.at), r.at
		e.readings[i] = r
		b.owners[r.Key] = p
	}
	e.visits = make([]Visit, visits)
	before = 0
	for i := range e.visits {
		v := Visit{Key: s.key(), day: day(before + s.varint())}
		v.month, before = v.day.month(), int64(v.day)
		e.visits[i] = v
		b.owners[v.Key] = p
	}
}
