package store

import (
	"strconv"
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

// IsText reports whether a column of text of either database can hold s.
func IsText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// Among adds values to the arguments of a statement and returns what stands for
// them: "($2, $3)". In none of them nothing is.
func Among(args *[]any, values []string) string {
	if len(values) == 0 {
		return "(NULL)"
	}
	marks := make([]string, len(values))
	for i, v := range values {
		*args = append(*args, v)
		marks[i] = "$" + strconv.Itoa(len(*args))
	}
	return "(" + strings.Join(marks, ", ") + ")"
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
