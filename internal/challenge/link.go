package challenge

import (
	"strings"

	"postern/internal/fault"
	"postern/internal/project"
)

// ErrNoTarget is a link that leads nowhere.
var ErrNoTarget = fault.New(fault.Invalid, "E011002", "neither the request nor the project says where the link leads; redirectUrl is missing")

// Target returns where the links of a method lead: to what the request names, if
// the project trusts it, or where its configuration says.
func Target(c *project.Config, requested, fallback string) (string, error) {
	at, err := c.Redirect(requested, fallback)
	if err == nil && at == "" {
		err = ErrNoTarget
	}
	return at, err
}

// Link adds a token to where a link leads, as the parameter t, and keeps all that is
// there.
func Link(target, token string) string {
	at, fragment, marked := strings.Cut(target, "#")
	switch {
	case !strings.Contains(at, "?"):
		at += "?"
	case !strings.HasSuffix(at, "?") && !strings.HasSuffix(at, "&"):
		at += "&"
	}
	at += "t=" + token
	if marked {
		at += "#" + fragment
	}
	return at
}
