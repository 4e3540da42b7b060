package snapshot

import (
	"fmt"
	"testing"
)

// connectorDoc is an HTTP connector that sends its token to a host.
func connectorDoc(id, name, host, token string) string {
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Sprintf(`{%s"name":%q,"type":"http","configuration":{"baseUrl":%q,"authentication":{"method":"bearerToken","bearerToken":%q}}}`, id, name, host, token)
}

// Whoever renames a connector and makes another one under its old name must not
// get the id, and with it the stored secret, of the first.
func TestANewConnectorNeverGetsTheIDOfAnother(t *testing.T) {
	t.Parallel()
	index := func(slugs string) string { return `{"connectors":[` + slugs + `]}` }
	g := docs{"connectors/connectors.json": index(`"n"`), "connectors/n.json": connectorDoc("", "N", "https://good.example", "the-secret")}.given(t)
	id := g.base.Secrets[0].Entity
	g.apply(t, docs{"connectors/connectors.json": index(`"n"`), "connectors/n.json": connectorDoc(id, "M", "https://good.example", Placeholder)}.upload(t))

	out := g.check(t, docs{
		"connectors/connectors.json": index(`"n","n2"`),
		"connectors/n.json":          connectorDoc(id, "M", "https://good.example", Placeholder),
		"connectors/n2.json":         connectorDoc("", "N", "https://evil.example", "mine"),
	}.upload(t))
	if out.Failed() {
		t.Fatal(lines(out.Problems))
	}
	if len(out.Set) != 1 || out.Set[0].Entity == id {
		t.Errorf("the new connector has the id of the old one, %s", id)
	}
	g.commit(out)
	wantProblems(t, g.check(t, again(g.files(), FormatSplit)))
}

// A file that stays is never broken, not even where the same reference in an
// upload would only be a warning.
func TestWhatStaysIsNeverBroken(t *testing.T) {
	t.Parallel()
	g := docs{
		"styles/styles.json":     `{"styles":["brand-dark","brand-light"]}`,
		"styles/brand-dark.json": `{"name":"Brand","type":"ssoSuite"}`, "styles/brand-light.json": `{"name":"Brand","type":"ssoSuite"}`,
		"auth/sso.json": `{"enabled":true,"ssoSuiteStyleId":"brand"}`,
	}.given(t)
	gone := docs{"styles/styles.json": `{"styles":[]}`}
	const broken = `still_referenced auth/sso.json#/ssoSuiteStyleId: the import removes the style "brand", to which this still refers (change what refers to it too, or keep what it refers to)`
	wantProblems(t, g.check(t, gone.upload(t)), "error "+broken)
	wantProblems(t, g.check(t, gone.with("auth/sso.json", `{"enabled":false}`).upload(t)), "error "+broken)
	wantProblems(t, g.check(t, gone.with("auth/sso.json", `{"ssoSuiteStyleId":"brand"}`).upload(t)), "warning "+broken)
}

func TestThePlaceholderIsNoValue(t *testing.T) {
	t.Parallel()
	out := docs{}.given(t).check(t, docs{
		"connectors/connectors.json": `{"connectors":["n"]}`,
		"connectors/n.json":          `{"id":"CI1","name":"N","type":"http","configuration":{"baseUrl":"https://a.example","headers":[{"key":"X","value":"PLACEHOLDER_VALUE"}]}}`,
	}.upload(t))
	wantProblems(t, out, `warning secret_missing connectors/n.json#/configuration/headers/0/value: the placeholder of a secret stands where no secret is; it is taken as the value (give the value itself, or mark it as a secret)`)
}
