package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"khamxa/internal/fault"
)

// Frame is a decoded message with its number (0 if it has none).
type Frame struct {
	N       int64
	Message Message
}

// Encode writes a message as one JSON object, {"type":...,"n":...,...}. n is left out if it is 0. It fails (fault.TooLarge)
// for a message over MaxMessage and (fault.Internal) for one that cannot be encoded.
func Encode(m Message, n int64) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "wire.Encode", "the message cannot be encoded")
	}
	head := []byte(`{"type":` + strconv.Quote(string(m.Type())))
	if n > 0 {
		head = strconv.AppendInt(append(head, `,"n":`...), n, 10)
	}
	if len(body) > len("{}") {
		head = append(head, ',')
	}
	out := append(head, body[1:]...)
	if len(out) > MaxMessage {
		return nil, fault.New(fault.TooLarge, "wire.Encode", TooLarge.Sentence())
	}
	return out, nil
}

// TypeOf reads the type of a message that may be anything; "" if it has none.
func TypeOf(raw []byte) Type {
	var t Type
	members, err := object(raw)
	if err != nil || json.Unmarshal(members["type"], &t) != nil || !ValidID(string(t)) {
		return ""
	}
	return t
}

// Decode reads a message that the given side has sent. Member names are compared exactly, a name that stands twice is refused, members that are not
// known are ignored. Errors: fault.TooLarge, fault.Unsupported (a type that is not in the table or that this side does not
// send) and fault.Invalid with Path naming the member.
func Decode(raw []byte, from Side) (Frame, error) {
	if len(raw) > MaxMessage {
		return Frame{}, fault.New(fault.TooLarge, "wire.Decode", TooLarge.Sentence())
	}
	members, err := object(raw)
	if err != nil {
		return Frame{}, err
	}
	var t Type
	if json.Unmarshal(members["type"], &t) != nil || t == "" {
		return Frame{}, refuse("type", "a message has a type")
	}
	row, ok := RowOf(t)
	if !ok || row.From != from {
		return Frame{}, fault.New(fault.Unsupported, "wire.Decode", UnknownType.Sentence()).At("type")
	}
	f := Frame{Message: row.fresh()}
	if row.Numbered {
		if json.Unmarshal(members["n"], &f.N) != nil || f.N < 1 {
			return Frame{}, refuse("n", "this message has a number from 1")
		}
	}
	if err := fill(reflect.ValueOf(f.Message).Elem(), members, ""); err != nil {
		return Frame{}, err
	}
	return f, f.Message.check()
}

// object scans one JSON object into its members. encoding/json itself would take the last of two equal names, so that two readers of the
// same bytes could disagree.
func object(raw []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, refuse("", BadUTF8.Sentence())
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, refuse("", "a message is one JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, broken(d, err)
		}
		name, _ := token.(string)
		if _, twice := members[name]; twice {
			return nil, refuse("", "a member stands twice in one object")
		}
		if len(members) == maxMessageMembers {
			return nil, refuse("", "the object has too many members")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, broken(d, err)
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, broken(d, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, refuse("", "a message is one JSON object and nothing after it")
	}
	return members, nil
}

func broken(d *json.Decoder, err error) error {
	return fault.Wrap(err, fault.Invalid, "wire.Decode", fmt.Sprintf("this is not JSON: it breaks at byte %d", d.InputOffset()))
}

// fill sets the fields of a message from the members with exactly their names. Messages are flat but for two nested forms:
// hello's resume, which is filled in the same way, and the list of peers.
func fill(v reflect.Value, members map[string]json.RawMessage, path string) error {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		raw, ok := members[name]
		if !ok {
			continue
		}
		if err := fillValue(v.Field(i), raw, path+name); err != nil {
			return err
		}
	}
	return nil
}

func fillValue(v reflect.Value, raw json.RawMessage, path string) error {
	switch {
	case v.Kind() == reflect.Pointer:
		inner, err := object(raw)
		if err != nil {
			return at(err, path)
		}
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), inner, path+".")
	case v.Kind() == reflect.Slice:
		return fillList(v, raw, path)
	}
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, v.Addr().Interface()) != nil {
		return refuse(path, "this member has the wrong type")
	}
	return nil
}

func fillList(v reflect.Value, raw json.RawMessage, path string) error {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return refuse(path, "this member is a list")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		inner, err := object(item)
		if err != nil {
			return at(err, path)
		}
		if err := fill(v.Index(i), inner, path+"."); err != nil {
			return err
		}
	}
	return nil
}

func at(err error, path string) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Path == "" {
		return f.At(path)
	}
	return err
}
