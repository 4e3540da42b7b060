package project

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// Settings are those of project.json that the server acts on.
type Settings struct {
	AppURL         string
	CustomDomain   string
	TrustedDomains []string // host names; "*.example.com" stands for every name below

	SelfProvisioning     bool // whether strangers may sign up
	TenantUserIsolation  bool
	AuthHostingInFrames  bool
	NoSSOAppsByDefault   bool
	RotateRefreshTokens  bool
	RefreshCookie        Cookie
	SessionCookie        Cookie
	RefreshTokenLifetime time.Duration
	SessionTokenLifetime time.Duration
	StepUpTokenLifetime  time.Duration
	KeyTokenLifetime     time.Duration // of the tokens that access keys are exchanged for
	TrustedDeviceFor     time.Duration
	Inactivity           time.Duration // a session that was not refreshed for so long ends; 0 for never

	UserTemplate string // id of the JWT template of users; empty for none
	KeyTemplate  string // id of the JWT template of access keys; empty for none

	Invite    Invite
	Migration *Migration // nil: sessions of no former service are taken over

	TestUsers     *regexp.Regexp // login ids of test users; nil for none
	TestVerifiers *regexp.Regexp // those that may use the fixed code; nil for none
	TestCode      string         // the fixed code; empty for none
}

// A Cookie says how one of the two tokens travels.
type Cookie struct {
	Use      bool     // in a cookie; else in the body of the answer
	SameSite SameSite // of the cookie
	Domain   string   // of the cookie; empty for the host that set it
}

// SameSite is the policy of a cookie (RFC 6265bis §5.6.7). The zero value is the
// strictest.
type SameSite int

// The policies.
const (
	SameSiteStrict SameSite = iota
	SameSiteLax
	SameSiteNone
)

// Invite says what a user who is invited gets.
type Invite struct {
	URL         string
	MagicLink   bool          // whether the link in the message signs in
	ExpireUsers bool          // whether users who do not come are removed
	Lifetime    time.Duration // 0 for the default of a week
	SendEmail   bool
	SendSMS     bool
	Email       Messages
	SMS         Messages
}

// settingsFile is project.json, read loosely: the schema has checked it.
type settingsFile struct {
	AppURL         string `json:"appUrl"`
	CustomDomain   string `json:"customDomain"`
	TrustedDomains string `json:"trustedDomains"`

	SelfProvision bool `json:"projectSelfProvisioning"`
	Isolation     bool `json:"tenantUserIsolation"`
	InFrames      bool `json:"allowAuthHostingIframeEmbedding"`
	NoSSOApps     bool `json:"defaultNoSSOApps"`
	Rotate        bool `json:"rotateJwt"`

	TokenMethod   string         `json:"tokenResponseMethod"`
	CookiePolicy  jsontext.Value `json:"cookiePolicy"`
	Domain        string         `json:"domain"`
	SessionMethod string         `json:"sessionTokenResponseMethod"`
	SessionPolicy jsontext.Value `json:"sessionTokenCookiePolicy"`
	SessionDomain string         `json:"sessionTokenCookieDomain"`

	Refresh     float64 `json:"refreshTokenExpiration"`
	RefreshUnit string  `json:"refreshTokenExpirationUnit"`
	Session     float64 `json:"sessionTokenExpiration"`
	SessionUnit string  `json:"sessionTokenExpirationUnit"`
	StepUp      float64 `json:"stepupTokenExpiration"`
	StepUpUnit  string  `json:"stepupTokenExpirationUnit"`
	Key         float64 `json:"keySessionTokenExpiration"`
	KeyUnit     string  `json:"keySessionTokenExpirationUnit"`
	Device      float64 `json:"trustedDeviceTokenExpiration"`
	DeviceUnit  string  `json:"trustedDeviceTokenExpirationUnit"`
	Inactive    float64 `json:"inactivityTime"`
	InactUnit   string  `json:"inactivityTimeUnit"`
	InactiveOn  bool    `json:"enableInactivity"`

	UserTemplate string `json:"userTemplateId"`
	KeyTemplate  string `json:"keyTemplateId"`
	inviteFile   `json:",embed"`

	Migration *migrationFile `json:"externalAuthConfig"`

	TestUsers       string `json:"testUserRegex"`
	TestAllowed     bool   `json:"testUserAllowFixedAuth"`
	TestCode        string `json:"testUserFixedAuthToken"`
	TestVerifierExp string `json:"testUserFixedAuthVerifierRegex"`
}

// inviteFile is what project.json says of invitations.
type inviteFile struct {
	URL           string            `json:"inviteUrl"`
	MagicLink     bool              `json:"inviteMagicLink"`
	Expire        bool              `json:"inviteExpireUser"`
	Time          float64           `json:"inviteExpirationTime"`
	TimeUnit      string            `json:"inviteExpirationTimeUnit"`
	SendEmail     bool              `json:"inviteSendEmail"`
	SendSMS       bool              `json:"inviteSendSms"`
	EmailProvider string            `json:"inviteEmailProviderId"`
	EmailTemplate string            `json:"inviteEmailTemplateId"`
	Emails        []inviteEmailFile `json:"inviteEmailTemplates"`
	SMSProvider   string            `json:"inviteSmsProviderId"`
	SMSTemplate   string            `json:"inviteSmsTemplateId"`
	Texts         []inviteTextFile  `json:"inviteSmsTemplates"`
}

type inviteEmailFile struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Subject string `json:"emailSubject"`
	Body    string `json:"emailBody"`
	Text    string `json:"emailBodyPlainText"`
	Plain   bool   `json:"useEmailBodyPlainText"`
}

type inviteTextFile struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Body string `json:"textMessageBody"`
}

const defaultInvite = 7 * 24 * time.Hour

// compileSettings reads project.json; no content gives the defaults.
func compileSettings(content []byte) (Settings, []snapshot.Problem) {
	in, std := settingsFile{}, settingsFile{}
	if err := readOver(SettingsFile, nil, &std); err != nil {
		return Settings{}, unreadable(SettingsFile)
	}
	if err := readOver(SettingsFile, content, &in); err != nil {
		return Settings{}, unreadable(SettingsFile)
	}
	out := Settings{
		AppURL: in.AppURL, CustomDomain: in.CustomDomain,
		SelfProvisioning: in.SelfProvision, TenantUserIsolation: in.Isolation, AuthHostingInFrames: in.InFrames,
		NoSSOAppsByDefault: in.NoSSOApps, RotateRefreshTokens: in.Rotate,
		RefreshCookie:        Cookie{in.TokenMethod == "cookie", sameSite(in.CookiePolicy), in.Domain},
		SessionCookie:        Cookie{in.SessionMethod == "cookie", sameSite(in.SessionPolicy), in.SessionDomain},
		RefreshTokenLifetime: lifetime(in.Refresh, in.RefreshUnit, duration(std.Refresh, std.RefreshUnit)),
		SessionTokenLifetime: lifetime(in.Session, in.SessionUnit, duration(std.Session, std.SessionUnit)),
		StepUpTokenLifetime:  lifetime(in.StepUp, in.StepUpUnit, duration(std.StepUp, std.StepUpUnit)),
		KeyTokenLifetime:     lifetime(in.Key, in.KeyUnit, duration(std.Key, std.KeyUnit)),
		TrustedDeviceFor:     lifetime(in.Device, in.DeviceUnit, duration(std.Device, std.DeviceUnit)),
		UserTemplate:         in.UserTemplate, KeyTemplate: in.KeyTemplate,
		Invite: in.compile(), Migration: in.Migration.compile(),
	}
	if in.InactiveOn {
		out.Inactivity = lifetime(in.Inactive, in.InactUnit, duration(std.Inactive, std.InactUnit))
	}
	if in.TestAllowed {
		out.TestCode = in.TestCode
	}
	for domain := range strings.SplitSeq(in.TrustedDomains, ",") {
		if domain = strings.TrimSpace(domain); domain != "" {
			out.TrustedDomains = append(out.TrustedDomains, domain)
		}
	}
	var problems []snapshot.Problem
	out.TestUsers = pattern(&problems, "/testUserRegex", in.TestUsers)
	out.TestVerifiers = pattern(&problems, "/testUserFixedAuthVerifierRegex", in.TestVerifierExp)
	return out, problems
}

func (in inviteFile) compile() Invite {
	out := Invite{
		URL: in.URL, MagicLink: in.MagicLink, ExpireUsers: in.Expire, Lifetime: lifetime(in.Time, in.TimeUnit, defaultInvite),
		SendEmail: in.SendEmail, SendSMS: in.SendSMS,
		Email: Messages{Connector: connectorID(in.EmailProvider)}, SMS: Messages{Connector: connectorID(in.SMSProvider)},
	}
	for _, t := range in.Emails {
		out.Email.add(Template{t.ID, t.Name, t.Subject, t.Body, t.Text, t.Plain}, t.ID == in.EmailTemplate)
	}
	for _, t := range in.Texts {
		out.SMS.add(Template{ID: t.ID, Name: t.Name, Text: t.Body, Plain: true}, t.ID == in.SMSTemplate)
	}
	return out
}

// pattern compiles a regular expression of project.json; none is nil.
func pattern(problems *[]snapshot.Problem, pointer, text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		*problems = append(*problems, snapshot.Problem{
			File: SettingsFile, Pointer: pointer, Code: snapshot.CodeRule, Level: snapshot.Error,
			Message: "the pattern is not a regular expression", Hint: "the syntax is that of RE2",
		})
	}
	return re
}

// sameSite reads a policy, which is a word or, in exports of version 5, a number.
func sameSite(v jsontext.Value) SameSite {
	switch strings.Trim(string(v), `"`) {
	case "lax", "2":
		return SameSiteLax
	case "none", "4":
		return SameSiteNone
	}
	return SameSiteStrict
}

// readOver reads a file over the defaults of its schema.
func readOver(path string, content []byte, into any) error {
	if err := json.Unmarshal(snapshot.SchemaDefaults(path), into); err != nil {
		return fmt.Errorf("defaults of %s: %w", path, err)
	}
	if content == nil {
		return nil
	}
	return json.Unmarshal(content, into)
}

func unreadable(path string) []snapshot.Problem {
	return []snapshot.Problem{{File: path, Code: snapshot.CodeRule, Level: snapshot.Error, Message: "the file cannot be read as what its place says"}}
}

func duration(n float64, unit string) time.Duration {
	d, _ := snapshot.Duration(n, unit)
	return d
}

// lifetime is a length of time; one that is not set is the fallback.
func lifetime(n float64, unit string, fallback time.Duration) time.Duration {
	if d, ok := snapshot.Duration(n, unit); ok && n > 0 {
		return d
	}
	return fallback
}
