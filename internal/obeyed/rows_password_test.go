package obeyed

import (
	"fmt"
	"strings"
	"time"
)

const right = "Lantern-oil-7"

// policy is a password file with few demands, and further members.
func policy(members string) docs {
	return docs{passwordFile: `{"minLength":4,"lowercase":false,"uppercase":false,"number":false,"nonAlphanumeric":false,"maskError":false` + comma(members) + `}`}
}

func comma(members string) string {
	if members == "" {
		return ""
	}
	return "," + members
}

// chooses is what becomes of sign-ups with passwords.
func chooses(passwords ...string) func(p *place) string {
	return func(p *place) string {
		var seen []string
		for _, text := range passwords {
			who := p.someone()
			text = strings.ReplaceAll(text, "WHO", strings.Split(who, "@")[0])
			seen = append(seen, status(p.as("", "/v1/auth/password/signup", object{"loginId": who, "password": text})))
		}
		return strings.Join(seen, ", ")
	}
}

// owner signs somebody up with the right password.
func owner(p *place) string {
	who := p.someone()
	p.as("", "/v1/auth/password/signup", object{"loginId": who, "password": right}).ok(p.t)
	return who
}

// signsIn is what somebody is told who shows a password.
func signsIn(p *place, who, text string) string {
	return status(p.as("", "/v1/auth/password/signin", object{"loginId": who, "password": text}))
}

// triesWrong shows three wrong passwords, lets time pass, and then shows the right one.
func triesWrong(d time.Duration) func(p *place) string {
	return func(p *place) string {
		who := owner(p)
		for range 3 {
			signsIn(p, who, "wrong")
		}
		p.later(d)
		return signsIn(p, who, right)
	}
}

// reuses replaces a password twice by itself and others, and says whether the first one may come back.
func reuses(p *place) string {
	who := owner(p)
	was := right
	for _, next := range []string{"Second-oil-8", "Third-oil-9"} {
		p.as("", "/v1/auth/password/replace", object{"loginId": who, "oldPassword": was, "newPassword": next}).ok(p.t)
		was = next
	}
	return status(p.as("", "/v1/auth/password/replace", object{"loginId": who, "oldPassword": was, "newPassword": right}))
}

func policyRows() []row {
	const refused = "400 E011003"
	flag := func(says, key, bad, good string) row {
		return row{
			says: says, given: policy(""), before: docs{passwordFile: fmt.Sprintf("{%q:false}", key)}, after: docs{passwordFile: fmt.Sprintf("{%q:true}", key)},
			look: chooses(bad, good), want: [2]string{"taken, taken", refused + ", taken"},
		}
	}
	old := func(p *place) {
		p.kept["who"] = owner(p)
		p.later(3 * 7 * 24 * time.Hour)
	}
	stillSignsIn := func(p *place) string { return signsIn(p, p.kept["who"], right) }
	return []row{
		{says: "how short a password may be", given: policy(""), before: docs{passwordFile: `{"minLength":4}`}, after: docs{passwordFile: `{"minLength":12}`}, look: chooses("lantern", "lantern and oil"), want: [2]string{"taken, taken", refused + ", taken"}},
		flag("a password has a small letter", "lowercase", "LANTERN", "LANTERn"),
		flag("a password has a capital letter", "uppercase", "lantern", "lanterN"),
		flag("a password has a letter", "anyLetter", "90817263", "9081726a"),
		flag("a password has a digit", "number", "lantern", "lantern7"),
		flag("a password has a symbol", "nonAlphanumeric", "lantern", "lantern-"),
		{says: "characters that no password has", given: policy(""), before: docs{passwordFile: `{"disallowedCharacters":""}`}, after: docs{passwordFile: `{"disallowedCharacters":"<;"}`}, look: chooses("lant;ern", "lantern"), want: [2]string{"taken, taken", refused + ", taken"}},
		flag("a password is not the address", "disallowEmailMatch", "WHO", "lantern"),
		{says: "a password is hard to guess", given: policy(`"passwordStrengthScore":4`), before: docs{passwordFile: `{"enablePasswordStrength":false}`}, after: docs{passwordFile: `{"enablePasswordStrength":true}`}, look: chooses("password1", "tallow wick ember 83 quill"), want: [2]string{"taken, taken", refused + ", taken"}},
		{says: "how hard to guess a password is", given: policy(`"enablePasswordStrength":true`), before: docs{passwordFile: `{"passwordStrengthScore":0}`}, after: docs{passwordFile: `{"passwordStrengthScore":4}`}, look: chooses("password1", "tallow wick ember 83 quill"), want: [2]string{"taken, taken", refused + ", taken"}},
		{says: "former passwords come back", given: policy(`"reuseAmount":5`), before: docs{passwordFile: `{"reuse":false}`}, after: docs{passwordFile: `{"reuse":true}`}, look: reuses, want: [2]string{"taken", refused}},
		{says: "how many former passwords do not come back", given: policy(`"reuse":true`), before: docs{passwordFile: `{"reuseAmount":1}`}, after: docs{passwordFile: `{"reuseAmount":5}`}, look: reuses, want: [2]string{"taken", refused}},
		{says: "an old password must be replaced", given: policy(`"expirationWeeks":2`), before: docs{passwordFile: `{"expiration":false}`}, after: docs{passwordFile: `{"expiration":true}`}, prepare: old, look: stillSignsIn, want: [2]string{"taken", "401 E062909"}},
		{says: "how old a password may be", given: policy(`"expiration":true`), before: docs{passwordFile: `{"expirationWeeks":4}`}, after: docs{passwordFile: `{"expirationWeeks":2}`}, prepare: old, look: stillSignsIn, want: [2]string{"taken", "401 E062909"}},
		{says: "passwords do not tell who is a user", given: policy(""), before: docs{passwordFile: `{"maskError":false}`}, after: docs{passwordFile: `{"maskError":true}`}, look: func(p *place) string {
			return signsIn(p, p.someone(), right) + ", " + signsIn(p, owner(p), "wrong")
		}, want: [2]string{"404 E062108, 401 P40131", "401 P40131, 401 P40131"}},
	}
}

func lockRows() []row {
	waits := `"tempLock":true,"tempLockAttempts":3`
	return []row{
		{says: "wrong tries lock a password", given: policy(`"lockAttempts":3`), before: docs{passwordFile: `{"lock":false}`}, after: docs{passwordFile: `{"lock":true}`}, look: triesWrong(0), want: [2]string{"taken", "403 P40331"}},
		{says: "how many wrong tries lock a password", given: policy(`"lock":true`), before: docs{passwordFile: `{"lockAttempts":5}`}, after: docs{passwordFile: `{"lockAttempts":3}`}, look: triesWrong(0), want: [2]string{"taken", "403 P40331"}},
		{says: "after wrong tries a password must wait", given: policy(`"tempLockAttempts":3`), before: docs{passwordFile: `{"tempLock":false}`}, after: docs{passwordFile: `{"tempLock":true}`}, look: triesWrong(0), want: [2]string{"taken", "429 P42931"}},
		{says: "after how many wrong tries a password must wait", given: policy(`"tempLock":true`), before: docs{passwordFile: `{"tempLockAttempts":5}`}, after: docs{passwordFile: `{"tempLockAttempts":3}`}, look: triesWrong(0), want: [2]string{"taken", "429 P42931"}},
		{says: "how long a password must wait", given: policy(waits), before: docs{passwordFile: `{"tempLockDuration":5}`}, after: docs{passwordFile: `{"tempLockDuration":60}`}, look: triesWrong(10 * time.Minute), want: [2]string{"taken", "429 P42931"}},
	}
}

// answers sets the answers of somebody who is signed in to the first questions.
func answers(p *place, refresh string, n int) answer {
	ids := []string{"SQone", "SQtwo", "SQthree"}
	var list []any
	for _, id := range ids[:n] {
		list = append(list, object{"id": id, "answer": "brass"})
	}
	return p.as(refresh, "/v1/auth/security-questions/setup", object{"answers": list})
}

// asked is what somebody is asked who has answered all questions.
func asked(p *place, refresh string) answer {
	return p.call("GET", "/v1/auth/security-questions/verify", p.project+":"+refresh, nil)
}

// guesses shows three wrong answers, lets time pass, and then shows the right ones.
func guesses(d time.Duration) func(p *place) string {
	return func(p *place) string {
		_, in := p.user()
		refresh := in.word("refreshJwt")
		answers(p, refresh, 1).ok(p.t)
		show := func(text string) answer {
			return p.as(refresh, "/v1/auth/security-questions/verify", object{"answers": []any{object{"id": "SQone", "answer": text}}})
		}
		for range 3 {
			show("tin")
		}
		p.later(d)
		return status(show("brass"))
	}
}

func questionRows() []row {
	all := func(members string) docs {
		return docs{questionsFile: `{"enabled":true,"securityQuestions":[{"id":"SQone","text":"One?"},{"id":"SQtwo","text":"Two?"},{"id":"SQthree","text":"Three?"}]` + comma(members) + `}`}
	}
	only := func(members string) docs { return docs{questionsFile: "{" + members + "}"} }
	worded := func(text string) docs {
		return docs{questionsFile: fmt.Sprintf(`{"securityQuestions":[{"id":"SQone","text":%q}]}`, text)}
	}
	return []row{
		{says: "how many questions are answered beforehand", given: all(""), before: only(`"setupQuestionsCount":1`), after: only(`"setupQuestionsCount":2`), look: func(p *place) string {
			_, in := p.user()
			return status(answers(p, in.word("refreshJwt"), 1))
		}, want: [2]string{"taken", "400 E011003"}},
		{says: "how many questions are asked", given: all(""), before: only(`"verifyQuestionsCount":1`), after: only(`"verifyQuestionsCount":2`), look: func(p *place) string {
			_, in := p.user()
			answers(p, in.word("refreshJwt"), 3).ok(p.t)
			list, _ := asked(p, in.word("refreshJwt")).ok(p.t)["questions"].([]any)
			return fmt.Sprint(len(list))
		}, want: [2]string{"1", "2"}},
		{says: "what is asked", given: docs{questionsFile: `{"enabled":true}`}, before: worded("Your first lamp?"), after: worded("Your first quill?"), look: func(p *place) string {
			_, in := p.user()
			answers(p, in.word("refreshJwt"), 1).ok(p.t)
			return asked(p, in.word("refreshJwt")).text
		}, want: [2]string{`{"questions":[{"id":"SQone","text":"Your first lamp?"}]}` + "\n", `{"questions":[{"id":"SQone","text":"Your first quill?"}]}` + "\n"}},
		{says: "wrong answers lock the questions", given: all(`"lockAttempts":3`), before: only(`"lock":false`), after: only(`"lock":true`), look: guesses(0), want: [2]string{"taken", "403 P40371"}},
		{says: "how many wrong answers lock the questions", given: all(`"lock":true`), before: only(`"lockAttempts":5`), after: only(`"lockAttempts":3`), look: guesses(0), want: [2]string{"taken", "403 P40371"}},
		{says: "after wrong answers somebody must wait", given: all(`"tempLockAttempts":3`), before: only(`"tempLock":false`), after: only(`"tempLock":true`), look: guesses(0), want: [2]string{"taken", "429 E130429"}},
		{says: "after how many wrong answers somebody must wait", given: all(`"tempLock":true`), before: only(`"tempLockAttempts":5`), after: only(`"tempLockAttempts":3`), look: guesses(0), want: [2]string{"taken", "429 E130429"}},
		{says: "how long somebody must wait after wrong answers", given: all(`"tempLock":true,"tempLockAttempts":3`), before: only(`"tempLockDuration":5`), after: only(`"tempLockDuration":60`), look: guesses(10 * time.Minute), want: [2]string{"taken", "429 E130429"}},
	}
}
