package connector

import (
	"cmp"
	"context"
	"errors"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/safehttp"
)

// errRegion is a region that would make another host of the address.
var errRegion = errors.New("the region of the connector is not the name of one")

// An awsAccount is how a connector calls AWS.
type awsAccount struct {
	service  string // as signatures name it
	region   string
	endpoint string // where it is called; blank for the region's own
	authType string
}

// call signs a request and makes it.
func (a awsAccount) call(ctx context.Context, c *call, path, contentType string, body []byte) error {
	if a.authType == "assumeRole" {
		return ErrCannot.WithMessage("the connector assumes a role of AWS, and the server has no identity there to do so").
			WithHint("give the connector an access key")
	}
	if !regexp.MustCompile(`^[a-z]{2}[a-z0-9-]{1,30}$`).MatchString(a.region) {
		return errRegion
	}
	base := strings.ReplaceAll(c.base, "{region}", a.region)
	if strings.HasPrefix(a.region, "cn-") && a.endpoint == "" {
		base += ".cn"
	}
	if a.endpoint != "" {
		if base = a.endpoint; !strings.Contains(base, "://") {
			base = "https://" + base
		}
	}
	target, err := url.Parse(strings.TrimSuffix(base, "/") + path)
	if err != nil {
		return safehttp.ErrURL
	}
	id, err := c.secret(ctx, "accessKeyId")
	if err != nil {
		return err
	}
	key, err := c.secret(ctx, "secretAccessKey")
	if err != nil {
		return err
	}
	s := awsSignature{id: id, key: key, region: a.region, service: a.service, at: time.Now()}
	_, err = c.post(ctx, safehttp.Request{
		URL: target.String(), Body: body,
		Headers: s.sign("POST", target, []safehttp.Header{{Name: "Content-Type", Value: contentType}}, body),
	})
	return err
}

type (
	sesConfig struct {
		sender   `json:",embed"`
		AuthType string `json:"authType"`
		Region   string `json:"region"`
		Endpoint string `json:"endpoint"`
	}
	sesMail struct {
		From string  `json:"FromEmailAddress"`
		To   sesTo   `json:"Destination"`
		What sesWhat `json:"Content"`
	}
	sesTo struct {
		Addresses []string `json:"ToAddresses"`
	}
	sesWhat struct {
		Simple sesSimple `json:"Simple"`
	}
	sesSimple struct {
		Subject sesText `json:"Subject"`
		Body    sesBody `json:"Body"`
	}
	sesBody struct {
		Text sesText `json:"Text,omitzero"`
		HTML sesText `json:"Html,omitzero"`
	}
	sesText struct {
		Data    string `json:"Data"`
		Charset string `json:"Charset"`
	}
)

// sendSES sends a mail by version 2 of the API of Amazon SES.
func sendSES(ctx context.Context, c *call) error {
	var in sesConfig
	if err := c.configure(&in); err != nil {
		return err
	}
	text := func(s string) sesText {
		if s == "" {
			return sesText{}
		}
		return sesText{s, "UTF-8"}
	}
	from := in.from(c.m)
	if in.Name != "" {
		from = (&mail.Address{Name: oneLine(in.Name), Address: from}).String()
	}
	body, err := json.Marshal(sesMail{from, sesTo{[]string{c.m.To}}, sesWhat{sesSimple{sesText{c.m.Subject, "UTF-8"}, sesBody{text(c.m.Text), text(c.m.HTML)}}}})
	if err != nil {
		return err
	}
	return awsAccount{"ses", in.Region, in.Endpoint, in.AuthType}.call(ctx, c, "/v2/email/outbound-emails", "application/json", body)
}

type snsConfig struct {
	AuthType string `json:"authType"`
	Region   string `json:"awsSNSRegion"`
	Endpoint string `json:"awsEndpoint"`
	Number   string `json:"originationNumber"`
	SenderID string `json:"senderId"`
	Entity   string `json:"entityId"`
	Template string `json:"templateId"`
}

// sendSNS sends a text message by Amazon SNS.
func sendSNS(ctx context.Context, c *call) error {
	var in snsConfig
	if err := c.configure(&in); err != nil {
		return err
	}
	form := url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "PhoneNumber": {c.m.To}, "Message": {c.m.Text}}
	n := 0
	for _, attribute := range []struct{ name, value string }{
		{"AWS.SNS.SMS.SMSType", "Transactional"},
		{"AWS.SNS.SMS.SenderID", in.SenderID},
		{"AWS.MM.SMS.OriginationNumber", cmp.Or(c.m.From, in.Number)},
		{"AWS.MM.SMS.EntityId", in.Entity},
		{"AWS.MM.SMS.TemplateId", in.Template},
	} {
		if attribute.value == "" {
			continue
		}
		n++
		at := "MessageAttributes.entry." + strconv.Itoa(n)
		form.Set(at+".Name", attribute.name)
		form.Set(at+".Value.DataType", "String")
		form.Set(at+".Value.StringValue", attribute.value)
	}
	return awsAccount{"sns", in.Region, in.Endpoint, in.AuthType}.call(ctx, c, "/", "application/x-www-form-urlencoded; charset=utf-8", []byte(form.Encode()))
}
