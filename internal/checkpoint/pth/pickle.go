package pth

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// The values that a pickle of tensors holds beside nil, bool, int64, float64 and string.
type (
	tuple  []any
	list   struct{ items []any }
	dict   struct{ keys, values []any } // in the order of the file
	global struct{ module, name string }
	long   []byte // a whole number beyond 64 bits, little-endian
	inert  struct{}
)

// machine reads a pickle with the operations that PyTorch's files need. It calls nothing: names of functions are
// values, and reduce knows the few whose result is a tensor or plain data.
type machine struct {
	data  []byte
	at    int
	steps int // operations so far
	stack []any
	marks []int // heights of the stack
	memo  map[uint64]any

	persistent func(id tuple) (any, error) // a storage by its description
	reduce     func(f global, args tuple) (any, error)
}

// maxSteps bounds the operations of a pickle, and the elements of the dicts that its functions make: a byte may stand
// for a value of many. The largest models have some hundred thousand.
const maxSteps = 4_000_000

var (
	errSteps     = fmt.Errorf("the pickle has more than %d operations or values", maxSteps)
	errTruncated = errors.New("the pickle ends in the middle")
	errStack     = errors.New("the pickle takes more values than it made")
)

// load reads one pickle and leaves m behind it.
func (m *machine) load() (any, error) {
	m.stack, m.marks, m.memo = nil, nil, map[uint64]any{}
	for {
		op, err := m.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return m.pop()
		}
		if err := m.step(op); err != nil {
			return nil, err
		}
		if m.steps++; m.steps > maxSteps {
			return nil, errSteps
		}
	}
}

// step does one operation.
func (m *machine) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		version, err := m.byte()
		if err == nil && version > 5 {
			err = fmt.Errorf("pickle of version %d, want at most 5", version)
		}
		return err
	case 0x95: // FRAME
		_, err := m.take(8)
		return err
	case '(':
		m.marks = append(m.marks, len(m.stack))
		return nil
	case '0', '1':
		return m.discard(op)
	case 'N':
		m.push(nil)
	case 0x88, 0x89:
		m.push(op == 0x88)
	case '}':
		m.push(&dict{})
	case ']':
		m.push(&list{})
	case ')':
		m.push(tuple{})
	case 'J', 'K', 'M', 0x8a, 'I', 'L', 'G', 'F':
		return m.number(op)
	case 'X', 0x8c, 0x8d, 'V', 'T', 'U', 'B', 'C':
		return m.text(op)
	case 't', 0x85, 0x86, 0x87, 'l', 'd', 'a', 'e', 's', 'u':
		return m.collect(op)
	case 'q', 'r', 0x94, 'p', 'h', 'j', 'g':
		return m.remember(op)
	case 'c', 0x93, 'R', 0x81, 'b', 'Q':
		return m.call(op)
	default:
		return fmt.Errorf("operation %#02x of the pickle is not allowed: it could run code", op)
	}
	return nil
}

// discard does POP and POP_MARK.
func (m *machine) discard(op byte) (err error) {
	if op == '1' {
		_, err = m.popMark()
		return err
	}
	_, err = m.pop()
	return err
}

// collect makes and fills tuples, lists and dicts.
func (m *machine) collect(op byte) error {
	switch op {
	case 0x85, 0x86, 0x87:
		items, err := m.popN(int(op) - 0x84)
		m.push(tuple(items))
		return err
	case 'a', 's':
		items, err := m.popN(map[byte]int{'a': 1, 's': 2}[op])
		if err != nil {
			return err
		}
		return m.fill(items, op == 's')
	}
	items, err := m.popMark()
	if err != nil {
		return err
	}
	switch op {
	case 't':
		m.push(tuple(items))
	case 'l':
		m.push(&list{items})
	case 'd':
		m.push(&dict{})
		return m.fill(items, true)
	default:
		return m.fill(items, op == 'u')
	}
	return nil
}

// fill adds items to the list or, in pairs, to the dict on top of the stack.
func (m *machine) fill(items []any, pairs bool) error {
	top, err := m.top()
	if err != nil {
		return err
	}
	switch to := top.(type) {
	case *list:
		if !pairs {
			to.items = append(to.items, items...)
			return nil
		}
	case *dict:
		if pairs && len(items)%2 == 0 {
			for i := 0; i < len(items); i += 2 {
				to.keys, to.values = append(to.keys, items[i]), append(to.values, items[i+1])
			}
			return nil
		}
	}
	return errors.New("the pickle adds to something that is neither a list nor a dict")
}

// remember stores the top of the stack, or pushes what was stored.
func (m *machine) remember(op byte) error {
	var key uint64
	switch op {
	case 0x94:
		key = uint64(len(m.memo))
	case 'p', 'g':
		line, err := m.line()
		if err != nil {
			return err
		}
		if key, err = strconv.ParseUint(string(line), 10, 32); err != nil {
			return err
		}
	default:
		raw, err := m.take(map[byte]uint64{'q': 1, 'h': 1, 'r': 4, 'j': 4}[op])
		if err != nil {
			return err
		}
		key = unsigned(raw)
	}
	if op == 'h' || op == 'j' || op == 'g' {
		v, ok := m.memo[key]
		if !ok {
			return fmt.Errorf("the pickle refers to value %d, which it did not store", key)
		}
		m.push(v)
		return nil
	}
	v, err := m.top()
	m.memo[key] = v
	return err
}

// call pushes names, applies those that are known, and looks up storages.
func (m *machine) call(op byte) error {
	switch op {
	case 'c':
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		m.push(global{string(module), string(name)})
		return err
	case 'Q':
		v, err := m.pop()
		if err != nil {
			return err
		}
		id, ok := v.(tuple)
		if !ok {
			return errors.New("the pickle refers to something that is not a storage")
		}
		storage, err := m.persistent(id)
		m.push(storage)
		return err
	}
	args, err := m.popN(2)
	if err != nil {
		return err
	}
	switch op {
	case 0x93: // STACK_GLOBAL
		module, isText := args[0].(string)
		name, isText2 := args[1].(string)
		if !isText || !isText2 {
			return errors.New("the pickle names a function by something that is not a text")
		}
		m.push(global{module, name})
		return nil
	case 'b': // BUILD: attributes of an OrderedDict or of settings, which hold no tensors
		switch args[0].(type) {
		case *dict, inert:
		default:
			return errors.New("the pickle sets the state of an object, which is not allowed: it could run code")
		}
		m.push(args[0])
		return nil
	}
	f, isName := args[0].(global) // REDUCE and NEWOBJ
	values, isTuple := args[1].(tuple)
	if !isName || !isTuple {
		return errors.New("the pickle calls something that is not a function")
	}
	v, err := m.reduce(f, values)
	m.push(v)
	return err
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// floor is the height that the innermost mark protects.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) top() (any, error) {
	if len(m.stack) == 0 {
		return nil, errStack
	}
	return m.stack[len(m.stack)-1], nil
}

func (m *machine) pop() (any, error) {
	items, err := m.popN(1)
	if err != nil {
		return nil, err
	}
	return items[0], nil
}

func (m *machine) popN(n int) ([]any, error) {
	if len(m.stack)-m.floor() < n {
		return nil, errStack
	}
	at := len(m.stack) - n
	items := slices.Clone(m.stack[at:])
	m.stack = m.stack[:at]
	return items, nil
}

// popMark pops what was pushed since the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errStack
	}
	items, err := m.popN(len(m.stack) - m.floor())
	m.marks = m.marks[:len(m.marks)-1]
	return items, err
}
