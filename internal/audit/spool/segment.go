package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"khamxa/internal/fault"
)

// A segment is one file: a line an event, "CRC JSON", the checksum (IEEE, eight hexadecimal digits) being that of the JSON. After a power cut
// a file may end in what was never written completely; those lines are left out.

// encode is an entry's line.
func encode(e Entry) ([]byte, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	line := make([]byte, 0, len(raw)+10)
	line = fmt.Appendf(line, "%08x ", crc32.ChecksumIEEE(raw))
	return append(append(line, raw...), '\n'), nil
}

// decode reads a line without its end; false for one that is damaged.
func decode(line []byte) (e Entry, ok bool) {
	if len(line) < 10 || line[8] != ' ' {
		return e, false
	}
	if fmt.Sprintf("%08x", crc32.ChecksumIEEE(line[9:])) != string(line[:8]) {
		return e, false
	}
	return e, json.Unmarshal(line[9:], &e) == nil
}

// segment is one file of events, open for writing or left by an earlier process.
type segment struct {
	path, name string
	opened     time.Time
	batches    batches
	damaged    int // lines that could not be read

	mu    sync.Mutex // guards what follows: the disk is synced while events go on
	file  *os.File   // nil for one that was left
	size  int64
	clean int64 // of size, what was synced
	fresh bool  // the folder does not safely know the file yet
}

func newSegment(dir string, now time.Time) (*segment, error) {
	name := newName(now)
	path := filepath.Join(dir, name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "spool.Record", "The audit trail cannot be written.")
	}
	return &segment{path: path, name: name, opened: now, file: file, fresh: true}, nil
}

// oldSegment is a file that an earlier process left.
func oldSegment(path string, raw []byte) *segment {
	s := &segment{path: path, name: filepath.Base(path), size: int64(len(raw))}
	for line := range bytes.SplitSeq(raw, []byte{'\n'}) {
		if len(line) == 0 {
			continue
		}
		if e, ok := decode(line); ok {
			if s.opened.IsZero() {
				s.opened = e.When
			}
			s.batches.add(e)
		} else {
			s.damaged++
		}
	}
	return s
}

// write appends a line. One that could be written in part only is written over by the next.
func (s *segment) write(line []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.file.WriteAt(line, s.size); err != nil {
		return errors.Join(err, s.file.Truncate(s.size))
	}
	s.size += int64(len(line))
	return nil
}

// written is how many bytes there are.
func (s *segment) written() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// sync brings what is new to the disk. That it fails is logged and not told to readers: their events are with the system, and go into the
// log soon.
func (s *segment) sync(log *slog.Logger) {
	s.mu.Lock()
	size, file, fresh := s.size, s.file, s.fresh
	clean := s.clean == size && !fresh
	s.mu.Unlock()
	if clean || file == nil {
		return
	}
	err := file.Sync()
	if err == nil && fresh {
		err = syncFolder(filepath.Dir(s.path))
	}
	if errors.Is(err, os.ErrClosed) {
		return // it is in the log already
	}
	if err != nil {
		log.Error("the audit trail could not be synced", "op", "spool.sync", "err", err)
		return
	}
	s.mu.Lock()
	s.clean, s.fresh = size, false
	s.mu.Unlock()
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// end closes the file and leaves it.
func (s *segment) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return errors.Join(file.Sync(), file.Close())
}

// remove ends a segment that is in the log.
func (s *segment) remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close() // its content is in the log
		s.file = nil
	}
	return os.Remove(s.path)
}

// aside ends a segment that the log refuses, and keeps it for people to look at.
func (s *segment) aside() error {
	return errors.Join(s.end(), os.Rename(s.path, s.path+asideSuffix))
}
