package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
)

const (
	compatibilityPage = "../docs/reference/compatibility.md"
	routesFile        = "routes.txt"
)

var update = flag.Bool("update", false, "write "+compatibilityPage+" anew")

// checkCompatibility compares the page on compatibility with what this run saw, or writes it anew. A run of some tests
// only, or one that had to leave a client out, knows too little for that.
func checkCompatibility() error {
	if flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" {
		return nil
	}
	for _, c := range clients {
		if len(record.answered[c.name]) == 0 {
			noteLeftOut("the page on compatibility", "the "+c.title+" did not run")
			return nil
		}
	}
	page, err := compatibility()
	if err != nil {
		return err
	}
	if *update {
		return os.WriteFile(compatibilityPage, page, 0o600)
	}
	was, err := os.ReadFile(compatibilityPage)
	if err != nil {
		return err
	}
	if !bytes.Equal(was, page) {
		return errors.New(compatibilityPage + " is not what this run saw: run `conformance/run -update` and look at the difference\n" + difference(was, page))
	}
	return nil
}

// difference returns the lines that only one of two pages has.
func difference(was, is []byte) string {
	var out strings.Builder
	for sign, pair := range map[string][2][]byte{"-": {was, is}, "+": {is, was}} {
		for line := range strings.Lines(string(pair[0])) {
			if !bytes.Contains(pair[1], []byte(line)) {
				fmt.Fprintf(&out, "%s %s", sign, line)
			}
		}
	}
	return out.String()
}

// compatibility writes the page: every route of the wire, whether there is an answer to it, and which client got one.
func compatibility() ([]byte, error) {
	served, err := servedRoutes()
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(routesFile)
	if err != nil {
		return nil, err
	}
	var body strings.Builder
	total, built := 0, 0
	counts := map[string]int{}
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "# "); ok {
			if !strings.HasPrefix(title, "Every route") {
				fmt.Fprintf(&body, "\n## %s\n\n| Route | Postern |%s\n|---|---|%s\n", title, heads(), strings.Repeat("---|", len(clients)))
			}
			continue
		}
		if line == "" {
			continue
		}
		total++
		there := "–"
		if served[shape(line)] {
			there = "yes"
			built++
		}
		fmt.Fprintf(&body, "| `%s` | %s |", line, there)
		for _, c := range clients {
			cell := ""
			switch called, well := record.drove(c.name, line); {
			case well:
				cell = "answered"
				counts[c.name]++
			case called:
				cell = "refused"
			}
			fmt.Fprintf(&body, " %s |", cell)
		}
		body.WriteString("\n")
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Compatibility\n\nWritten by `conformance/run -update` from what unmodified clients called and were answered; a full run of the suite\nfails while this page says anything else.\n\n")
	fmt.Fprintf(&out, "Of %d routes of the wire Postern has %d. \"Answered\": a test drove the route with that client and got a success;\n\"refused\": it only got errors; blank: no test drives it with that client. Routes of Postern's own are in [api.md](api.md).\n\n| Client | Routes answered |\n|---|---|\n", total, built)
	for _, c := range clients {
		fmt.Fprintf(&out, "| %s | %d |\n", c.title, counts[c.name])
	}
	out.WriteString(body.String())
	return out.Bytes(), nil
}

func heads() string {
	var out strings.Builder
	for _, c := range clients {
		out.WriteString(" " + c.title + " |")
	}
	return out.String()
}

// servedRoutes asks a server which routes it has. They are the same on every database.
func servedRoutes() (map[string]bool, error) {
	res, err := http.Get(servers[0].url + "/v1/openapi.json")
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var described struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.NewDecoder(res.Body).Decode(&described); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for path, methods := range described.Paths {
		for method := range methods {
			out[shape(strings.ToUpper(method)+" "+path)] = true
		}
	}
	return out, nil
}

// shape is a route without the names of its variables.
func shape(route string) string {
	parts := strings.Split(route, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}
