package connector

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/safehttp"
)

// The signatures that AWS publishes: those of its test suite, and the example of
// its documentation.
func TestAWSSignature(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		service, method, target, contentType, body, want string
	}{
		"get-vanilla":                 {"service", "GET", "https://example.amazonaws.com/", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-vanilla, without a path": {"service", "GET", "https://example.amazonaws.com", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"post-vanilla":                {"service", "POST", "https://example.amazonaws.com/", "", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		"post-x-www-form-urlencoded":  {"service", "POST", "https://example.amazonaws.com/", form, "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		"the documentation":           {"iam", "GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", form + "; charset=utf-8", "", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, err := url.Parse(c.target)
			if err != nil {
				t.Fatal(err)
			}
			var headers []safehttp.Header
			if c.contentType != "" {
				headers = append(headers, safehttp.Header{Name: "Content-Type", Value: c.contentType})
			}
			s := awsSignature{id: "AKIDEXAMPLE", key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1", service: c.service, at: at}
			out := s.sign(c.method, target, headers, []byte(c.body))
			if got := out[len(out)-1].Value; !strings.HasSuffix(got, "Signature="+c.want) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// wantAWS looks at the signature of a request as AWS does, from what came in alone.
func wantAWS(t *testing.T, r seen, service, region, id, key string) {
	t.Helper()
	m := regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/(\S+?)/(\S+?)/aws4_request, SignedHeaders=(\S+), Signature=([0-9a-f]{64})$`).
		FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		t.Fatalf("Authorization: %q", r.Header.Get("Authorization"))
	}
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", stamp)
	if err != nil || time.Since(at).Abs() > time.Minute || m[2] != stamp[:8] {
		t.Errorf("signed at %q for %s: %v", stamp, m[2], err)
	}
	if m[1] != id || m[3] != region || m[4] != service || m[5] != "content-type;host;x-amz-date" {
		t.Errorf("signed %v", m[1:6])
	}
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	mac := func(key []byte, s string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(s))
		return h.Sum(nil)
	}
	request := fmt.Sprintf("%s\n%s\n%s\ncontent-type:%s\nhost:%s\nx-amz-date:%s\n\n%s\n%s",
		r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type"), r.Host, stamp, m[5], sum(r.body))
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", stamp, m[2], region, service, sum(request))
	k := mac(mac(mac(mac([]byte("AWS4"+key), m[2]), region), service), "aws4_request")
	if want := hex.EncodeToString(mac(k, text)); m[6] != want {
		t.Errorf("the signature is %s, want %s", m[6], want)
	}
}

func TestSES(t *testing.T) {
	t.Parallel()
	w := newWeb(t, func(seen) (int, string) { return 200, `{"MessageId":"1"}` })
	f := one(t, conn{"ses", fmt.Sprintf(`{"fromEmail":"keys@shop.example","fromName":"Lantern & Söhne","region":"eu-central-1","endpoint":%q,"accessKeyId":"AKIDONE","secretAccessKey":"aws/secret+one"}`, w.URL)})
	if err := f.Send(t.Context(), f.cfg, "CI1", anEmail()); err != nil {
		t.Fatalf("%v\n%s", err, f.logs)
	}
	got := w.last(t, 1)
	wantAWS(t, got, "ses", "eu-central-1", "AKIDONE", "aws/secret+one")
	if got.Method != http.MethodPost || got.URL.Path != "/v2/email/outbound-emails" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s with %q", got.Method, got.URL, got.Header)
	}
	sameJSON(t, `{"FromEmailAddress":"=?utf-8?b?TGFudGVybiAmIFPDtmhuZQ==?= <keys@shop.example>","Destination":{"ToAddresses":["ada@people.example"]},"Content":{"Simple":{
		"Subject":{"Data":"Zwölf – 123456","Charset":"UTF-8"},"Body":{"Text":{"Data":"Code 123456","Charset":"UTF-8"},"Html":{"Data":"<p>Code 123456</p>","Charset":"UTF-8"}}}}}`, got.body)
}

func TestSNS(t *testing.T) {
	t.Parallel()
	w := newWeb(t, func(seen) (int, string) { return 200, `<PublishResponse/>` })
	f := one(t, conn{"sns", fmt.Sprintf(`{"authType":"credentials","awsSNSRegion":"us-east-1","awsEndpoint":%q,"accessKeyId":"AKIDONE","secretAccessKey":"aws-secret","originationNumber":"+12025550100","senderId":"LANTERN","entityId":"E1","templateId":"T1"}`, w.URL)})
	if err := f.Send(t.Context(), f.cfg, "CI1", aText()); err != nil {
		t.Fatalf("%v\n%s", err, f.logs)
	}
	got := w.last(t, 1)
	wantAWS(t, got, "sns", "us-east-1", "AKIDONE", "aws-secret")
	form, err := url.ParseQuery(got.body)
	if err != nil || got.Method != http.MethodPost || got.URL.Path != "/" {
		t.Errorf("%s %s: %v", got.Method, got.URL, err)
	}
	attributes := map[string]string{}
	for i := range 9 {
		at := fmt.Sprintf("MessageAttributes.entry.%d.", i+1)
		if name := form.Get(at + "Name"); name != "" {
			attributes[name] = form.Get(at+"Value.DataType") + " " + form.Get(at+"Value.StringValue")
		}
	}
	want := map[string]string{
		"AWS.SNS.SMS.SMSType": "String Transactional", "AWS.SNS.SMS.SenderID": "String LANTERN", "AWS.MM.SMS.OriginationNumber": "String +12025550100",
		"AWS.MM.SMS.EntityId": "String E1", "AWS.MM.SMS.TemplateId": "String T1",
	}
	if diff := cmp.Diff(want, attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if form.Get("Action") != "Publish" || form.Get("Version") != "2010-03-31" || form.Get("PhoneNumber") != "+12025550143" || form.Get("Message") != aText().Text {
		t.Errorf("the form: %v", form)
	}
}

// Without an endpoint the region is called, and what is no region calls nobody.
func TestAWSRegions(t *testing.T) {
	t.Parallel()
	for region, c := range map[string]struct {
		authType string
		path     string // at the stand-in; blank where it is not called
		err      error
	}{
		"eu-central-1":    {"credentials", "/eu-central-1/", nil},
		"x.evil.example/": {"credentials", "", ErrSend},
		"EU":              {"credentials", "", ErrSend},
		"eu-west-1":       {"assumeRole", "", ErrCannot},
	} {
		w := newWeb(t, nil)
		proof := `"accessKeyId":"AKIDONE","secretAccessKey":"aws-secret"`
		if c.authType == "assumeRole" {
			proof = `"roleArn":"arn:aws:iam::1:role/r","externalId":"x"`
		}
		f := one(t, conn{"sns", fmt.Sprintf(`{"authType":%q,"awsSNSRegion":%q,%s}`, c.authType, region, proof)})
		f.Bases = map[string]string{"sns": w.URL + "/{region}"}
		err := f.Send(t.Context(), f.cfg, "CI1", aText())
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", region, err, c.err)
		}
		if c.path == "" && len(w.seen) > 0 || c.path != "" && w.last(t, 1).URL.Path != c.path {
			t.Errorf("%s: the service got %v", region, w.seen)
		}
		if f := fault.From(err); c.authType == "assumeRole" && f.Hint == "" {
			t.Errorf("%s: no hint what to do: %+v", region, f)
		}
	}
}

// What AWS says of a recipient is not in the log.
func TestAWSFailure(t *testing.T) {
	t.Parallel()
	w := newWeb(t, func(r seen) (int, string) {
		return 400, "<Message>Invalid parameter: PhoneNumber +12025550143 of AKIDONE</Message>"
	})
	f := one(t, conn{"sns", fmt.Sprintf(`{"awsSNSRegion":"us-east-1","awsEndpoint":%q,"accessKeyId":"AKIDONE","secretAccessKey":"aws-secret"}`, w.URL)})
	err := f.Send(t.Context(), f.cfg, "CI1", message.Message{Kind: message.SMS, To: "+12025550143", Text: "t"})
	if log := f.logs.String(); !errors.Is(err, ErrSend) || !strings.Contains(log, "Invalid parameter") || strings.Contains(log, "AKIDONE") || strings.Contains(log, "5550143") {
		t.Errorf("%v\n%s", err, log)
	}
}
