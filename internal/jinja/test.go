package jinja

import "strings"

// test evaluates x is name(args…).
func (e *eval) test(name string, v any, a args) bool {
	_, missing := v.(undefined)
	text, isText := v.(Text)
	list, isList := v.(*List)
	_, isDict := v.(*Dict)
	_, isBool := v.(bool)
	i, isWhole := whole(v)
	_, isNumber := number(v)
	other := a.get(0, "", nil)
	switch name {
	case "defined":
		return !missing
	case "undefined":
		return missing
	case "none":
		return v == nil
	case "boolean":
		return isBool
	case "true", "false":
		return v == (name == "true")
	case "integer":
		return isWhole && !isBool
	case "float":
		return isNumber && !isWhole
	case "number":
		return isNumber
	case "string":
		return isText
	case "mapping":
		return isDict
	case "sequence":
		return isText || isDict || isList && list.shape <= tuple
	case "iterable":
		return isText || isDict || isList || missing
	case "callable":
		_, ok := v.(*Function)
		return ok
	case "odd", "even", "divisibleby":
		by := int64(2)
		if name == "divisibleby" {
			by = int64(e.int(other))
		}
		if !isWhole || by == 0 {
			e.fail("is %s of a %s", name, kindOf(v))
		}
		return (i%by == 0) == (name != "odd")
	case "eq", "equalto":
		return equal(v, other)
	case "ne":
		return !equal(v, other)
	case "lt", "lessthan":
		return e.order(v, other) < 0
	case "le":
		return e.order(v, other) <= 0
	case "gt", "greaterthan":
		return e.order(v, other) > 0
	case "ge":
		return e.order(v, other) >= 0
	case "in":
		return e.contains(other, v)
	case "sameas":
		return kindOf(v) == kindOf(other) && equal(v, other)
	case "upper":
		return text.s == strings.ToUpper(text.s) && text.s != strings.ToLower(text.s)
	case "lower":
		return text.s == strings.ToLower(text.s) && text.s != strings.ToUpper(text.s)
	case "escaped":
		return text.safe
	}
	e.fail("no test is called %q", name)
	return false
}
