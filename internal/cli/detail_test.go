package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// A flow that is new is shown as its steps, and what else is in it where all of it
// is asked for.
func TestNewFlowIsShownAsSteps(t *testing.T) {
	t.Parallel()
	var tasks []string
	for i := range fewLines + 2 {
		tasks = append(tasks, fmt.Sprintf(`"%02d":{"name":"step %02d","type":"screen","next":"%02d"}`, i, i, i+1))
	}
	d := snapshot.Difference{
		Section: "flows", File: "flows/one/metadata.json", Kind: "flow", ID: "one", Name: "One", Action: snapshot.Created, Content: jsontext.Value(`{"name":"One"}`),
		Parts: []snapshot.Part{{File: "flows/one/contents.json", Content: jsontext.Value(`{"startTask":"00","tasks":{` + strings.Join(tasks, ",") + `}}`)}},
	}
	for _, tt := range []struct {
		how       detail
		want, not string
	}{
		{detail{}, "… and 2 more steps (--full shows them)", `"startTask"`},
		{detail{Full: true}, `+   "startTask": "00"`, "--full"},
	} {
		var out, complaints bytes.Buffer
		a := &app{stdout: &out, stderr: &complaints}
		if err := a.printDifferences([]snapshot.Difference{d}, tt.how, ""); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); !strings.Contains(text, "          + step 00 (screen)") || !strings.Contains(text, tt.want) || strings.Contains(text, tt.not) {
			t.Errorf("%+v:\n%s", tt.how, text)
		}
	}
}
