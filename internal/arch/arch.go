// Package arch is the law of the house, as data that its tests enforce: which
// package may import which, what nobody may import, and how large a file or a
// function may grow. It has no code of its own.
package arch

// layers lists the packages from the bottom up. A package imports only from the
// rows above its own in this text; packages in one row do not know each other.
// A package that is in no row fails the build until it has a place.
var layers = [][]string{
	{"fault", "ident", "secret"},
	{"store", "snapshot", "message", "safehttp"},
	{"audit", "infra", "signature"},
	{"project", "mgmtkey", "limit"},
	{"user", "tenant", "authz", "connector", "key", "dpop"},
	{"doctor"},
	{"session", "backup", "accesskey"},
	{"challenge"},
	{"otp", "magiclink", "enchantedlink", "notp", "password", "totp", "passkey", "questions", "federation", "recovery", "exchange"},
	{"flow", "intake"},
	{"edge"},                                // what the edges have in common: the first who knows HTTP
	{"api", "oauth", "saml", "scim", "web"}, // the edges
	{"server", "client"},
	{"cli"},
	{"testkit", "testkit/signin", "arch", "bench", "torture", "obeyed"},
	{"tools/reference"}, // reads all the others to write docs/reference
}

// edge is the first layer that may import net/http.
const edge = "edge"

// forbidden are packages that production code must not import, each with the
// reason. A name ending in "/" forbids what is under it, too.
var forbidden = map[string]string{
	"encoding/json":                    "it takes duplicate and misspelt members; use github.com/go-json-experiment/json",
	"github.com/pkg/errors":            "use fmt.Errorf with %w",
	"log":                              "use log/slog, handed in",
	"math/rand":                        "use crypto/rand",
	"math/rand/v2":                     "use crypto/rand",
	"postern/internal/testkit":         "it is for tests",
	"postern/internal/testkit/":        "it is for tests",
	"testing":                          "it is for tests",
	"github.com/google/go-cmp/":        "it is for tests",
	"pgregory.net/rapid":               "it is for tests",
	"github.com/rogpeppe/go-internal/": "it is for tests",
}

// exceptions may import what is forbidden, or net/http below the edges: package, with
// those beneath it, import and reason. The list may only shrink.
var exceptions = map[[2]string]string{
	{"safehttp", "net/http"}:   "it is how the layers below the edges call out",
	{"federation", "net/http"}: "its client library takes an http.Client",
	{"testkit", "testing"}:     "it helps tests",
}

// The budgets of production code, in lines.
const (
	maxFile     = 400
	maxFunction = 70
)

// oversize are the files and functions that are over budget: a path, or a path, a
// colon and a function, with what it may have. The list may only shrink.
var oversize = map[string]int{}
