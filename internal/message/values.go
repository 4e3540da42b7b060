package message

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// lookup returns what a variable stands for. The names of the macros are the
// wire's, and no option of a caller takes the place of one.
func (v *Values) lookup(name string) string {
	switch name {
	case "code":
		return v.Code
	case "token":
		return v.Token
	case "redirectUrl":
		return v.RedirectURL
	case "inviteUrl":
		return v.InviteURL
	case "projectName":
		return oneLine(v.ProjectName)
	case "domain":
		return v.Domain
	case "boundCode":
		return v.boundCode()
	case "expirationTime":
		return Words(v.Expiration)
	}
	for i, c := range v.Choices {
		switch name {
		case "redirectUrl" + strconv.Itoa(i+1):
			return c.URL
		case "redirectUrlKey" + strconv.Itoa(i+1):
			return c.Key
		}
	}
	if path, ok := strings.CutPrefix(name, "user."); ok {
		return field(v.User, path)
	}
	return v.Options[strings.TrimPrefix(name, "options.")]
}

// boundCode is the end of a text message from which browsers fill in a code, on the
// pages of one domain only (origin-bound one-time codes, a draft of the WICG).
func (v *Values) boundCode() string {
	if v.Domain == "" || v.Code == "" {
		return ""
	}
	return "\n\n@" + v.Domain + " #" + v.Code
}

// field returns what lies at a path of names in an object.
func field(object map[string]any, path string) string {
	name, rest, more := strings.Cut(path, ".")
	value, ok := object[name]
	if !ok {
		return ""
	}
	if more {
		inner, _ := value.(map[string]any)
		return field(inner, rest)
	}
	return plain(value)
}

// plain returns a value as people read it; an object has no such form.
func plain(value any) string {
	switch value := value.(type) {
	case string:
		return oneLine(value) // a name with a line break must not cost its owner the sign-in
	case bool:
		return strconv.FormatBool(value)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case int, int64:
		return fmt.Sprint(value)
	case []string:
		return oneLine(strings.Join(value, ", "))
	case []any:
		var all []string
		for _, v := range value {
			all = append(all, plain(v))
		}
		return strings.Join(all, ", ")
	default:
		return ""
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Words returns how long something is as people say it, "5 minutes", in the
// largest unit that it is whole in; nothing for zero and less.
func Words(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	unit, n := "second", int64(max(d, time.Second)/time.Second)
	for _, larger := range []struct {
		name string
		of   int64
	}{{"minute", 60}, {"hour", 60}, {"day", 24}, {"week", 7}} {
		if n%larger.of != 0 {
			break
		}
		unit, n = larger.name, n/larger.of
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.FormatInt(n, 10) + " " + unit
}
