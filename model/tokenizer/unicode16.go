package tokenizer

import "strings"

// widen adds Unicode 16's new characters to the properties in an expression, such as \p{L}. The tokenizers library
// knows them; Go's tables are of Unicode 15.
func widen(expression string) string {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(expression); i++ {
		switch c := expression[i]; {
		case c == '[' && !inClass:
			inClass = true
		case c == ']' && inClass:
			inClass = false
		case c == '\\' && i+1 < len(expression):
			rest := expression[i:]
			property, _, ok := strings.Cut(rest[2:], "}")
			more := ""
			if ok && strings.HasPrefix(property, "{") {
				more = unicode16(property[1:])
			}
			switch whole := rest[:2]; {
			case more == "" || whole != `\p` && whole != `\P` || whole == `\P` && inClass:
				b.WriteString(whole)
				i++
				continue
			case inClass:
				b.WriteString(`\p` + property + "}" + more)
			case whole == `\P`:
				b.WriteString(`[^\p` + property + "}" + more + "]")
			default:
				b.WriteString(`[\p` + property + "}" + more + "]")
			}
			i += len(`\p`) + len(property)
			continue
		}
		b.WriteByte(expression[i])
	}
	return b.String()
}

// unicode16 returns the characters with a property that are new since Unicode 15, as a class lists them.
func unicode16(property string) string {
	switch property {
	case "L":
		return "\u1c89-\u1c8a\ua7cb-\ua7cd\ua7da-\ua7dc\U000105c0-\U000105f3\U00010d4a-\U00010d65\U00010d6f-\U00010d85" +
			"\U00010ec2-\U00010ec4\U00011380-\U00011389\U0001138b\U0001138e\U00011390-\U000113b5\U000113b7\U000113d1" +
			"\U000113d3\U00011bc0-\U00011be0\U00013460-\U000143fa\U00016100-\U0001611d\U00016d40-\U00016d6c\U00018cff" +
			"\U0001e5d0-\U0001e5ed\U0001e5f0\U0002ebf0-\U0002ee5d"
	case "Lu":
		return "\u1c89\ua7cb-\ua7cc\ua7da\ua7dc\U00010d50-\U00010d65"
	case "Ll":
		return "\u1c8a\ua7cd\ua7db\U00010d70-\U00010d85"
	case "Lo":
		return "\U000105c0-\U000105f3\U00010d4a-\U00010d4f\U00010d6f\U00010ec2-\U00010ec4\U00011380-\U00011389\U0001138b" +
			"\U0001138e\U00011390-\U000113b5\U000113b7\U000113d1\U000113d3\U00011bc0-\U00011be0\U00013460-\U000143fa" +
			"\U00016100-\U0001611d\U00016d40-\U00016d6c\U00018cff\U0001e5d0-\U0001e5ed\U0001e5f0\U0002ebf0-\U0002ee5d"
	case "M":
		return "\u0897\U00010d69-\U00010d6d\U00010efc\U000113b8-\U000113c0\U000113c2\U000113c5\U000113c7-\U000113ca" +
			"\U000113cc-\U000113d0\U000113d2\U000113e1-\U000113e2\U00011f5a\U0001611e-\U0001612f\U0001e5ee-\U0001e5ef"
	case "N":
		return "\U00010d40-\U00010d49\U000116d0-\U000116e3\U00011bf0-\U00011bf9\U00016130-\U00016139" +
			"\U00016d70-\U00016d79\U0001ccf0-\U0001ccf9\U0001e5f1-\U0001e5fa"
	case "P":
		return "\u1b4e-\u1b4f\u1b7f\U00010d6e\U000113d4-\U000113d5\U000113d7-\U000113d8\U00011be1\U00016d6d-\U00016d6f" +
			"\U0001e5ff"
	case "S":
		return "\u2427-\u2429\u2ffc-\u2fff\u31e4-\u31e5\u31ef\U00010d8e-\U00010d8f\U0001cc00-\U0001ccef" +
			"\U0001cd00-\U0001ceb3\U0001f8b2-\U0001f8bb\U0001f8c0-\U0001f8c1\U0001fa89\U0001fa8f\U0001fabe\U0001fac6" +
			"\U0001fadc\U0001fadf\U0001fae9\U0001fbcb-\U0001fbef"
	}
	return ""
}
