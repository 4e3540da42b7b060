package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
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
	served, err := servedRoutes()
	if err != nil {
		return err
	}
	sdks, err := driven(served)
	if err != nil {
		return err
	}
	reasons, err := readReasons()
	if err != nil {
		return err
	}
	page, err := compatibility(served, sdks, reasons)
	if err != nil {
		return err
	}
	return errors.Join(comparePage(page), checkDriven(sdks, reasons))
}

func comparePage(page []byte) error {
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
func compatibility(served map[string]bool, sdks map[string]methods, reasons []reason) ([]byte, error) {
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
	fmt.Fprintf(&out, "Of %d routes of the wire Postern has %d. \"Answered\": a test drove the route with that client and got a success;\n\"refused\": it only got errors; blank: no test drives it with that client. Groups and tokens of providers come from SSO and OAuth, which are not built:\nuntil then those routes answer that there are none. Routes of Postern's own are in [api.md](api.md).\n\n| Client | Routes answered | Methods that the SDK has | Driven with success |\n|---|---|---|---|\n", total, built)
	for _, c := range clients {
		has, drove := sdks[c.name].count()
		fmt.Fprintf(&out, "| %s | %d | %s | %s |\n", c.title, counts[c.name], has, drove)
	}
	out.WriteString(body.String())
	out.WriteString("\n## Methods of the SDKs that no test drives\n\nA star stands for the rest of a name.\n\n| Why | Go SDK | Node SDK |\n|---|---|---|\n")
	writeReasons(&out, reasons)
	return out.Bytes(), nil
}

// writeReasons writes a row for each reason, with the methods of each SDK that it is given for.
func writeReasons(out io.Writer, reasons []reason) {
	for i, r := range reasons {
		if i > 0 && reasons[i-1].text == r.text {
			continue
		}
		cells := map[string][]string{}
		for _, other := range reasons {
			if other.text == r.text && !strings.Contains(other.pattern, "/") {
				cells[other.client] = append(cells[other.client], "`"+other.pattern+"`")
			}
		}
		_, _ = fmt.Fprintf(out, "| %s | %s | %s |\n", r.text, strings.Join(cells["golang"], " "), strings.Join(cells["nodejs"], " "))
	}
}

func heads() string {
	var out strings.Builder
	for _, c := range clients {
		out.WriteString(" " + c.title + " |")
	}
	return out.String()
}

// servedRoutes asks a server which routes of the wire it has, by their shapes. They are the same on every database.
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
	wire, err := os.ReadFile(routesFile)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(wire)) {
		if verb, path, ok := strings.Cut(strings.TrimSpace(line), " "); ok && verb != "#" {
			for known, methods := range described.Paths {
				if shape(known) == shape(path) && methods[strings.ToLower(verb)] != nil {
					out[shape(verb+" "+path)] = true
				}
			}
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
