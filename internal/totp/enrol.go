package totp

import (
	"crypto/rand"
	"net/url"
	"strconv"
	"strings"

	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/user"
)

// An Enrolment is what an authenticator app needs to make codes. It is shown once.
type Enrolment struct {
	URL   secret.Text // otpauth://, with the seed in it
	Image []byte      // PNG: the URL as a QR code
	Key   secret.Text // the seed in base32, for those who type it
}

// enrolment makes a seed for a user.
func enrolment(cfg *project.Config, u *user.User, loginID string) (*Enrolment, error) {
	key := make([]byte, newSeed)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	seed := seedOf(key)
	link := provisioning(issuer(cfg, u), loginID, seed)
	picture, err := message.QR(link)
	if err != nil {
		return nil, err
	}
	return &Enrolment{URL: secret.New(link), Image: picture, Key: seed}, nil
}

// longestLabel bounds what an app shows, in bytes; it bounds the QR code, too.
const longestLabel = 120

// issuer returns what the app shows as where the codes are for.
func issuer(cfg *project.Config, u *user.User) string {
	label := message.Fill(cfg.Methods.TOTP.IssuerLabel, &message.Values{ProjectName: cfg.Name, User: fields(u)})
	if label = plain(label); label == "" {
		label = plain(cfg.Name)
	}
	return label
}

// plain returns a label that has neither the colon that ends an issuer nor a line
// break.
func plain(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, ":", " ")), " ")
	if len(s) > longestLabel {
		s = strings.ToValidUTF8(s[:longestLabel], "")
	}
	return s
}

// fields are what the template of a label can show of a user, by the names that
// the wire has for them.
func fields(u *user.User) map[string]any {
	return map[string]any{
		"userId": u.ID, "loginIds": u.LoginIDs, "name": u.Name, "givenName": u.GivenName, "middleName": u.MiddleName, "familyName": u.FamilyName,
		"email": u.Email, "phone": u.Phone, "customAttributes": u.Custom,
	}
}

// provisioning returns the address that apps read (the key URI format of Google
// Authenticator, which all others take).
func provisioning(issuer, account string, seed secret.Text) string {
	label := url.PathEscape(plain(account))
	if issuer != "" {
		label = url.PathEscape(issuer) + ":" + label
	}
	q := url.Values{"secret": {seed.Reveal()}, "algorithm": {"SHA1"}, "digits": {strconv.Itoa(digits)}, "period": {strconv.Itoa(period)}}
	if issuer != "" {
		q.Set("issuer", issuer)
	}
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(q.Encode(), "+", "%20") // apps read no plus as a space
}
