package sqlite

import (
	"context"
	"errors"
	"fmt"

	lite "zombiezen.com/go/sqlite"

	"khamxa/internal/fault"
)

// run executes one prepared statement and calls row for each row of its result. Arguments are int64, int, bool, string,
// []byte or nil. Statements are kept prepared on their connection. Errors are SQLite's own or row's.
func run(conn *lite.Conn, query string, row func(*lite.Stmt) error, args ...any) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	for i, arg := range args {
		if err := bind(stmt, i+1, arg); err != nil {
			return err
		}
	}
	for {
		more, err := stmt.Step()
		if err != nil {
			return err
		}
		if !more {
			return stmt.Reset()
		}
		if row == nil {
			continue
		}
		if err := row(stmt); err != nil {
			return errors.Join(err, stmt.Reset())
		}
	}
}

func bind(stmt *lite.Stmt, param int, arg any) error {
	switch v := arg.(type) {
	case int64:
		stmt.BindInt64(param, v)
	case int:
		stmt.BindInt64(param, int64(v))
	case bool:
		stmt.BindBool(param, v)
	case string:
		stmt.BindText(param, v)
	case []byte:
		stmt.BindBytes(param, v)
	case nil:
		stmt.BindNull(param)
	default:
		return fmt.Errorf("sqlite: cannot bind a %T", arg)
	}
	return nil
}

// number runs a statement whose result is one integer; 0 if it has no row.
func number(conn *lite.Conn, query string, args ...any) (n int64, err error) {
	err = run(conn, query, func(s *lite.Stmt) error { n = s.ColumnInt64(0); return nil }, args...)
	return n, err
}

// blob copies a column's bytes; nil if it is NULL.
func blob(s *lite.Stmt, column int) []byte {
	if s.ColumnIsNull(column) {
		return nil
	}
	b := make([]byte, s.ColumnLen(column))
	s.ColumnBytes(column, b)
	return b
}

// errStop ends a run early from its row function; see stopped.
var errStop = errors.New("stop")

// stopped is err without the mark that only ended a loop.
func stopped(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// clean makes the error of a read fit to cross the package border: a fault stays what it is, SQLite's errors get a code
// and a sentence.
func clean(ctx context.Context, err error, op string) error {
	var f *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return err
	case ctx.Err() != nil || lite.ErrCode(err).ToPrimary() == lite.ResultInterrupt:
		return fault.Wrap(err, fault.Timeout, op, "The request was ended before it was done; nothing was changed.")
	}
	switch lite.ErrCode(err).ToPrimary() {
	case lite.ResultCorrupt, lite.ResultNotADB, lite.ResultError, lite.ResultMisuse:
		return fault.Wrap(err, fault.Internal, op, "The data could not be read as it was written. Run the check of the store.")
	}
	return fault.Wrap(err, fault.Unavailable, op, "The store cannot be read at the moment.")
}
