package sqlite

import (
	"context"
	"strconv"
	"time"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Read implements store.Store.
func (db *DB) Read(ctx context.Context, typ, id string) (store.Version, error) {
	const op = "store.Read"
	var v store.Version
	found := false
	err := db.readRow(ctx, op, func(conn *lite.Conn) error {
		return run(conn, currentRow+"r.type = ? AND r.id = ?",
			func(s *lite.Stmt) error {
				cur := scanCurrent(s)
				v, found = cur.version(blob(s, 9)), true
				return nil
			}, typ, id)
	})
	switch {
	case err != nil:
		return store.Version{}, err
	case !found:
		return store.Version{}, notFound(op)
	case v.Deleted:
		return store.Version{}, fault.New(fault.Gone, op, "The resource has been deleted.")
	case v.Body == nil:
		return store.Version{}, fault.New(fault.Gone, op, "The content of the resource has been erased.")
	}
	return v, nil
}

func notFound(op string) error {
	return fault.New(fault.NotFound, op, "There is no such resource.")
}

// ReadVersion implements store.Store.
func (db *DB) ReadVersion(ctx context.Context, typ, id, versionID string) (store.Version, error) {
	const op = "store.ReadVersion"
	vid, err := strconv.ParseInt(versionID, 10, 64)
	if err != nil || strconv.FormatInt(vid, 10) != versionID {
		return store.Version{}, fault.New(fault.NotFound, op, "There is no such version.")
	}
	var list []store.Version
	err = db.read(ctx, op, func(conn *lite.Conn) (err error) {
		list, err = versions(conn, typ, id, "h.vid = ?", vid, 1)
		return err
	})
	if err != nil {
		return store.Version{}, err
	}
	if len(list) == 0 {
		return store.Version{}, fault.New(fault.NotFound, op, "There is no such version.")
	}
	return list[0], nil
}

// History implements store.Store.
func (db *DB) History(ctx context.Context, q store.HistoryRequest) ([]store.Version, error) {
	const op = "store.History"
	if q.Count < 0 || q.Before < 0 {
		return nil, fault.New(fault.Invalid, op, "Count and place of a history are not negative.")
	}
	count := q.Count
	if count == 0 || count > store.MaxHistory {
		count = store.MaxHistory
	}
	before := int64(q.Before)
	if before == 0 {
		before = 1 << 62
	}
	var list []store.Version
	err := db.read(ctx, op, func(conn *lite.Conn) error {
		cur, err := currentOf(conn, q.Type, q.ID)
		if err != nil {
			return err
		}
		if cur.rid == 0 {
			return notFound(op)
		}
		list, err = versions(conn, q.Type, q.ID, "h.vid < ?", before, count)
		return err
	})
	return list, err
}

// versions reads versions of one resource, newest first. The holder is today's: it decides who may see the past, too.
func versions(conn *lite.Conn, typ, id, where string, arg int64, limit int) ([]store.Version, error) {
	var list []store.Version
	size := 0
	err := run(conn, `SELECT h.vid, h.place, h.time, h.deleted, r.holder, b.data
		FROM res r JOIN hist h ON h.rid = r.rid LEFT JOIN body b ON b.place = h.place
		WHERE r.type = ? AND r.id = ? AND `+where+` ORDER BY h.vid DESC LIMIT ?`,
		func(s *lite.Stmt) error {
			list = append(list, store.Version{
				Type: typ, ID: id, VersionID: versionID(s.ColumnInt64(0)), Seq: seqOf(s.ColumnInt64(1)),
				Updated: time.UnixMilli(s.ColumnInt64(2)).UTC(), Deleted: s.ColumnBool(3), Holder: s.ColumnText(4), Body: blob(s, 5),
			})
			if size += len(list[len(list)-1].Body); size > store.MaxPage && len(list) > 1 {
				return errStop
			}
			return nil
		}, typ, id, arg, limit)
	return list, stopped(err)
}
