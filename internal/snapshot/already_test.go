package snapshot

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestWhatIsTakenForCanonical(t *testing.T) {
	t.Parallel()
	deep := func(levels int) string { return strings.Repeat(`[`, levels) + strings.Repeat(`]`, levels) }
	many := func(values int) string { return "[" + strings.Repeat("0,", values-2) + "0]" } // the list counts as well
	named := func(bytes int) string { return fmt.Sprintf(`{"%s":1}`, strings.Repeat("a", bytes)) }
	for name, tt := range map[string]struct {
		doc  string
		want bool
	}{
		"an object":                     {`{}`, true},
		"members in order":              {`{"":0,"A":1,"a":2,"ab":3,"b":{"a":1}}`, true},
		"members of two objects":        {`[{"b":1},{"a":1}]`, true},
		"members out of order":          {`{"b":1,"a":2}`, false},
		"members inside out of order":   {`{"a":{"b":1,"a":2}}`, false},
		"members around out of order":   {`{"b":{"z":1},"a":2}`, false},
		"a member twice":                {`{"a":1,"a":2}`, false},
		"an empty name twice":           {`{"":1,"":2}`, false},
		"a space":                       {`{"a": 1}`, false},
		"a line after it":               {"{}\n", false},
		"a text in UTF-8":               {`{"a":"é 😀"}`, true},
		"a text that is not UTF-8":      {"{\"a\":\"\xff\"}", false},
		"a surrogate in UTF-8":          {"{\"a\":\"\xed\xa0\x80\"}", false},
		"a name that is not ASCII":      {`{"é":1}`, false}, // these are ordered by UTF-16
		"nothing":                       {``, false},
		"an object that does not end":   {`{"a":1`, false},
		"a list that does not end":      {`[[1]`, false},
		"a text that does not end":      {`["a`, false},
		"a list that ends as an object": {`[1}`, false},
		"an end without a beginning":    {`]`, false},
		"more behind the end":           {`{}{}`, false},
		"two values without a comma":    {`["a""b"]`, false},
		"a comma before the first":      {`[,1]`, false},
		"a comma behind the last":       {`[1,]`, false},
		"a member without a value":      {`{"a":}`, false},
		"a member without a name":       {`{1}`, false},
		"a value with a name in a list": {`["a":1]`, false},
		"a word that is none":           {`[trux]`, false},
		"half a word":                   {`[tru`, false},
		"a sign alone":                  {`[-]`, false},
		"a number that begins with 0":   {`[01]`, false},
		"a point with nothing behind":   {`[1.]`, false},
		"a point with nothing before":   {`[.5]`, false},
		"a control character":           {"[\"\x01\"]", false},
		"an escape in a text":           {`{"a":"\n"}`, false},
		"an escape in a name":           {`{"\u0061":1}`, false},
		"words":                         {`[true,false,null]`, true},
		"whole numbers":                 {`[0,-1,10,123456789012345]`, true},
		"nothing with a sign":           {`[-0]`, false},
		"a whole number of 16 digits":   {`[1234567890123456]`, false},
		"decimals":                      {`[0.5,-1.25,-0.1,0.000001,12345678901.2345]`, true},
		"a decimal that ends in 0":      {`[1.50]`, false},
		"a decimal that is none":        {`[1.0]`, false},
		"a decimal below a millionth":   {`[0.0000001]`, false},
		"a decimal of 16 digits":        {`[1234567890.123456]`, false},
		"an exponent":                   {`[1e3]`, false},
		"as deep as may be":             {deep(maxDepth), true},
		"deeper":                        {deep(maxDepth + 1), false},
		"as many values as may be":      {many(maxValues), true},
		"more values":                   {many(maxValues + 2), false},
		"a name as long as may be":      {named(maxName), true},
		"a longer name":                 {named(maxName + 1), false},
		"a longer text":                 {`["` + strings.Repeat("a", maxName+1) + `"]`, true},
		"marks of structure in a text":  {`{"a":"{[,:]}","b":1}`, true},
		"a text as the whole document":  {`"a"`, true},
		"a number as whole document":    {`12`, true},
		"members behind a list of them": {`{"b":["z",{"y":1}],"c":"a","d":1}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := alreadyCanonical([]byte(tt.doc)); got != tt.want {
				t.Fatalf("it is taken for canonical: %t", got)
			}
			c, ok := canonical("a.json", bytes.Clone(jsontext.Value(tt.doc)), &problems{})
			if tt.want && (!ok || string(c) != tt.doc) {
				t.Errorf("its canonical form is %.100s (%t)", c, ok)
			}
		})
	}
}
