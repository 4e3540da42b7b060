package store

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain reports whether both databases keep s as it is, in at most longest bytes,
// and every terminal and log shows it as it is: nothing in it moves the cursor,
// breaks the line or turns the direction, but for the characters in allowed.
func Plain(s string, longest int, allowed string) bool {
	return len(s) <= longest && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return (unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)) && !strings.ContainsRune(allowed, r)
	})
}

// Of returns a list of columns as those of one of several tables of a statement:
// "t.a, t.b" for "a, b".
func Of(table, columns string) string {
	list := strings.Split(columns, ",")
	for i, column := range list {
		list[i] = table + "." + strings.TrimSpace(column)
	}
	return strings.Join(list, ", ")
}

// InLike writes a text so that LIKE … ESCAPE '\' takes each character of it for itself.
func InLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}
