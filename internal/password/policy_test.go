package password_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/secret"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	ann := password.Person{Emails: []string{"Ann.Smith@example.com", "ann-login"}, Words: []string{"Ann Smith"}}
	tests := []struct {
		name     string
		policy   project.PasswordMethod
		password string
		want     []string
	}{
		{"anything goes where nothing is asked", project.PasswordMethod{}, "a", nil},
		{"but nothing does not", project.PasswordMethod{}, "", []string{"minLength"}},
		{"as long as asked", project.PasswordMethod{MinLength: 8}, "12345678", nil},
		{"shorter", project.PasswordMethod{MinLength: 8}, "1234567", []string{"minLength"}},
		{"characters count, not bytes", project.PasswordMethod{MinLength: 8}, "äöüßéèê", []string{"minLength"}},
		{"a letter with its mark is one", project.PasswordMethod{MinLength: 8}, strings.Repeat("a\u0308", 7), []string{"minLength"}},
		{"the longest", project.PasswordMethod{}, strings.Repeat("é", 64), nil},
		{"longer than the longest", project.PasswordMethod{}, strings.Repeat("x", 65), []string{"longest"}},
		{"much longer, with all asked", project.PasswordMethod{MinLength: 8, MinStrength: 4, Number: true}, strings.Repeat("x", 1<<20), []string{"longest"}},
		{"no text", project.PasswordMethod{}, "abc\xffdef", []string{"text"}},

		{"a small letter", project.PasswordMethod{Lowercase: true}, "PASSWORd", nil},
		{"a small letter of another script", project.PasswordMethod{Lowercase: true}, "ПАРОЛь", nil},
		{"no small letter", project.PasswordMethod{Lowercase: true}, "PASSWORD1!", []string{"lowercase"}},
		{"a capital letter", project.PasswordMethod{Uppercase: true}, "passworD", nil},
		{"no capital letter", project.PasswordMethod{Uppercase: true}, "password1!", []string{"uppercase"}},
		{"a letter", project.PasswordMethod{AnyLetter: true}, "1234!a", nil},
		{"a letter without case", project.PasswordMethod{AnyLetter: true}, "1234!密", nil},
		{"no letter", project.PasswordMethod{AnyLetter: true}, "1234!5678", []string{"anyLetter"}},
		{"a digit", project.PasswordMethod{Number: true}, "password1", nil},
		{"no digit", project.PasswordMethod{Number: true}, "password!", []string{"number"}},
		{"a symbol", project.PasswordMethod{NonAlphanumeric: true}, "password_", nil},
		{"a space is a symbol", project.PasswordMethod{NonAlphanumeric: true}, "pass word", nil},
		{"an accent is none", project.PasswordMethod{NonAlphanumeric: true}, "pässword1", []string{"nonAlphanumeric"}},
		{"no symbol", project.PasswordMethod{NonAlphanumeric: true}, "Password1", []string{"nonAlphanumeric"}},
		{
			"all that is missing at once",
			project.PasswordMethod{MinLength: 4, Lowercase: true, Uppercase: true, Number: true, NonAlphanumeric: true},
			"密密",
			[]string{"minLength", "lowercase", "uppercase", "number", "nonAlphanumeric"},
		},

		{"none of the forbidden characters", project.PasswordMethod{DisallowedCharacters: `.*[]\`}, "pass-word", nil},
		{"a forbidden character", project.PasswordMethod{DisallowedCharacters: `.*[]\`}, `pass\word`, []string{"disallowedCharacters"}},
		{"a forbidden one that is wide", project.PasswordMethod{DisallowedCharacters: `*`}, "pass＊word", []string{"disallowedCharacters"}},
		{"a pattern is none", project.PasswordMethod{DisallowedCharacters: `a-z`}, "mmm", nil},

		{"the address", project.PasswordMethod{DisallowEmailMatch: true}, "ann.smith@EXAMPLE.com", []string{"disallowEmailMatch"}},
		{"its first part", project.PasswordMethod{DisallowEmailMatch: true}, "ANN.SMITH", []string{"disallowEmailMatch"}},
		{"the first part and more", project.PasswordMethod{DisallowEmailMatch: true}, "ann.smith1", nil},
		{"a login id that is no address", project.PasswordMethod{DisallowEmailMatch: true}, "ann-login", nil},
		{"the address, where it is allowed", project.PasswordMethod{}, "ann.smith@example.com", nil},

		{"strong enough", project.PasswordMethod{MinStrength: 4}, "correct horse battery staple", nil},
		{"not strong enough", project.PasswordMethod{MinStrength: 3}, "Password1!", []string{"passwordStrengthScore"}},
		{"just strong enough", project.PasswordMethod{MinStrength: 1}, "Password1!", nil},
		{"weak, where strength is not asked", project.PasswordMethod{}, "password", nil},
		{"made of what is known of the person", project.PasswordMethod{MinStrength: 2}, "ann.smith@example.com", []string{"passwordStrengthScore"}},
	}
	for _, tt := range tests {
		var got []string
		for _, v := range password.Check(tt.policy, secret.New(tt.password), ann) {
			got = append(got, v.Rule)
			if v.Message == "" || strings.Contains(v.Message, tt.password) && tt.password != "" && tt.password != "a" {
				t.Errorf("%s: %q", tt.name, v.Message)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestStrength(t *testing.T) {
	t.Parallel()
	ann := password.Person{Emails: []string{"ann.smith@example.com"}, Words: []string{"Annabel Lee"}}
	for text, want := range map[string]int{
		"":                             0,
		"password":                     0,
		"12345678":                     0,
		"aaaaaaaaaaaaaaaa":             0,
		"qwertyuiop":                   0,
		"Password1!":                   1,
		"Summer2024!":                  2,
		"xK9#mQ2$":                     2,
		"neverforget13/3/1997":         3,
		"correct horse battery staple": 4,
		"rWibMFACxAUGZmxhVncy":         4,
		"ann.smith@example.com":        0,
		"annabel":                      0,
	} {
		if got := password.Strength(text, ann); got != want {
			t.Errorf("Strength(%q) = %d, want %d", text, got, want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("Password1!", "ann@example.com")
	f.Add("4@8({[<369!1|0$5+7%2", "@")
	f.Add("\u0344\uFDFA", "")
	all := project.PasswordMethod{
		MinLength: 8, Lowercase: true, Uppercase: true, AnyLetter: true, Number: true, NonAlphanumeric: true, DisallowedCharacters: "é%",
		DisallowEmailMatch: true, MinStrength: 4,
	}
	f.Fuzz(func(t *testing.T, text, email string) {
		password.Check(all, secret.New(text), password.Person{Emails: []string{email}, Words: []string{email}})
	})
}
