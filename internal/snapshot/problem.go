package snapshot

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Level says whether a problem stops an import.
type Level string

// The levels of a problem.
const (
	Error   Level = "error"   // nothing is applied
	Warning Level = "warning" // applied all the same, unless the import is strict
)

// A Problem is one thing that is wrong with a snapshot, and where.
type Problem struct {
	File    string `json:"file,omitempty"`    // the path in the snapshot; none is the request as a whole
	Pointer string `json:"pointer,omitempty"` // RFC 6901, into the document
	Code    Code   `json:"code"`
	Level   Level  `json:"level"`
	Message string `json:"message"`        // for people; never holds a value that might be a secret
	Hint    string `json:"hint,omitempty"` // what to do, where something can be said
}

// String returns the problem on one line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Pointer != "" {
		b.WriteString("#" + p.Pointer)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// A Code names a kind of problem, for programs. Codes are stable.
type Code string

// The codes, in the order of the reference.
const (
	CodePath          Code = "path"
	CodePathCase      Code = "path_case"
	CodeFileTwice     Code = "file_twice"
	CodeFileType      Code = "file_type"
	CodeJSON          Code = "json"
	CodeDuplicate     Code = "duplicate_member"
	CodeNumber        Code = "number"
	CodeUTF8          Code = "utf8"
	CodeBase64        Code = "base64"
	CodeVersion       Code = "version"
	CodeUnknownFile   Code = "unknown_file"
	CodeUnknownKey    Code = "unknown_key"
	CodeUnknownType   Code = "unknown_type"
	CodeUnlisted      Code = "unlisted"
	CodeListed        Code = "listed_but_absent"
	CodeType          Code = "type"
	CodeRequired      Code = "required"
	CodeEnum          Code = "enum"
	CodeRange         Code = "range"
	CodeLength        Code = "length"
	CodePattern       Code = "pattern"
	CodeSchema        Code = "schema"
	CodeDuration      Code = "duration"
	CodeEntityTwice   Code = "entity_twice"
	CodeReference     Code = "reference"
	CodeStillNeeded   Code = "still_referenced"
	CodeAsset         Code = "asset"
	CodeExclude       Code = "unknown_exclude"
	CodeSecretMissing Code = "secret_missing"
	CodeSecretMoved   Code = "secret_moved"
	CodeSecretUnknown Code = "secret_unknown"
	CodeSecretType    Code = "secret_type"
	CodeSecretInFile  Code = "secret_in_file"
	CodeRule          Code = "rule"
	CodeUnusable      Code = "unusable"
	CodeProtected     Code = "protected"
	CodeRemovals      Code = "too_many_removals"
	CodeWeakens       Code = "weakens_security"
	CodeUnsigned      Code = "unsigned"
	CodeSignature     Code = "signature_invalid"
	CodeSigner        Code = "signature_key"
	CodeSignedFiles   Code = "signature_files"
	CodeSignedFor     Code = "signature_scope"
	CodeEnvironment   Code = "unknown_environment"
	CodePlaceholder   Code = "placeholder"
	CodeUnusedValue   Code = "unused_value"
)

// Codes says what each code means, for the reference.
var Codes = []struct {
	Code Code
	Doc  string
}{
	{CodePath, "A path that is empty, absolute, climbs or is too long, that has a character or a name in it that not every system can have, or a name that begins with a dot or a hyphen. Or a link that leads out of the folder."},
	{CodePathCase, "Two paths that differ in case only, which some file systems cannot hold."},
	{CodeFileTwice, "The same path twice in one upload."},
	{CodeFileType, "A `.json` file that is not an object, or another file that is not a string."},
	{CodeJSON, "A document that is not JSON, or is nested too deeply."},
	{CodeDuplicate, "A member name twice in one object."},
	{CodeNumber, "A number that would lose digits: an integer beyond 2^53, or one that is too large."},
	{CodeUTF8, "Text that is not valid UTF-8."},
	{CodeBase64, "An image that is not standard base64."},
	{CodeVersion, "A format version that is not a whole number from 1 to the one that this server writes."},
	{CodeUnknownFile, "A file that no section has. It is kept and exported again."},
	{CodeUnknownKey, "A key that the schema does not have. It is kept and exported again."},
	{CodeUnknownType, "A connector type that is not known. Its configuration is kept but not checked."},
	{CodeUnlisted, "A file that no index lists. It is not imported."},
	{CodeListed, "A name in an index whose file is not there."},
	{CodeType, "A value of the wrong JSON type."},
	{CodeRequired, "A member that must be there and is missing or blank."},
	{CodeEnum, "A value that is not one of the allowed ones."},
	{CodeRange, "A number, or a number of items, out of its range."},
	{CodeLength, "A text that is too short or too long."},
	{CodePattern, "A text that does not have the form that it must have."},
	{CodeSchema, "Another breach of the schema."},
	{CodeDuration, "A length of time out of its range, or with a unit that is none."},
	{CodeEntityTwice, "Two entities of one kind with the same id or name."},
	{CodeReference, "A name or id of something that does not exist."},
	{CodeStillNeeded, "Something would be removed that a part which stays refers to."},
	{CodeAsset, "A reference to an asset that is not in the upload, or an asset that nothing refers to."},
	{CodeExclude, "An exclude key that does not exist."},
	{CodeSecretMissing, "A secret that an entity needs, that is not in the upload and not stored."},
	{CodeSecretMoved, "A stored secret that is not carried over, because where it would be sent has changed."},
	{CodeSecretUnknown, "An input secret for an entity that does not exist."},
	{CodeSecretType, "An input secret of a type that its entity does not have."},
	{CodeSecretInFile, "A secret that stands in a file of a folder. Only `postern check` says so: an import takes it from there."},
	{CodeRule, "Values that contradict each other."},
	{CodeUnusable, "A value that may be there and cannot work."},
	{CodeProtected, "A change of what the policy of the project protects."},
	{CodeRemovals, "More removals at once than the policy of the project allows."},
	{CodeWeakens, "A change that weakens security, and that the policy of the project lets nobody do without leave."},
	{CodeUnsigned, "A snapshot, or the revision of a rollback, that nobody signed, where only signed ones are taken."},
	{CodeSignature, "A `signature.json` that is no signature, or whose signature is not that of its key over what it says."},
	{CodeSigner, "A signature by a key that the policy of the project does not name."},
	{CodeSignedFiles, "A file that is not as it was signed, was added since, or is missing."},
	{CodeSignedFor, "A signature for another project or another environment."},
	{CodeEnvironment, "An environment that the files have no values for."},
	{CodePlaceholder, "A placeholder that has no value, that stands for a secret, or that is not the whole text."},
	{CodeUnusedValue, "A value of an environment that no placeholder asks for."},
}

// problems collects what is wrong, in any order.
type problems struct{ list []Problem }

func (ps *problems) add(level Level, file, pointer string, code Code, hint, format string, args ...any) {
	ps.list = append(ps.list, Problem{
		File: file, Pointer: pointer, Code: code, Level: level,
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// full reports whether enough is wrong already: a hostile upload must not buy
// time with ever more complaints. Only what has been complained of before may
// be left out, so that none of a kind goes unsaid.
func (ps *problems) full() bool { return len(ps.list) >= maxProblems }

// files are those that something is wrong with. One that is not among the files
// of the upload was there, and could not be read.
func (ps *problems) files() map[string]bool {
	out := map[string]bool{}
	for _, p := range ps.list {
		if p.Level == Error {
			out[p.File] = true
		}
	}
	return out
}

// sorted returns the problems in their stable order: errors first, then by
// file, place and code, without repetitions.
func (ps *problems) sorted() []Problem {
	slices.SortFunc(ps.list, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Level, b.Level), // "error" is before "warning"
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Pointer, b.Pointer),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Hint, b.Hint),
		)
	})
	return slices.Compact(ps.list)
}

// Failed reports whether one of the problems is an error.
func Failed(list []Problem) bool {
	return slices.ContainsFunc(list, func(p Problem) bool { return p.Level == Error })
}

// nearest returns a hint that names the candidate that looks most like got, or
// "" where none is near.
func nearest(got string, candidates []string) string {
	if best := Nearest(got, candidates); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// Nearest returns the candidate that looks most like got: at most a third of
// its letters differ, of those of a file its folder and its ending left away. Among
// equals the first in the alphabet wins.
func Nearest(got string, candidates []string) string {
	const longest = 100 // what is longer was not mistyped
	if len(got) > longest {
		return ""
	}
	best, bestDistance := "", max(len(strings.TrimSuffix(path.Base(got), path.Ext(got))), 3)/3+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if len(c) > longest || c == "" {
			continue
		}
		if d := distance(strings.ToLower(got), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of letters to add, drop, change or swap with the next
// (Levenshtein, with the swaps of Damerau).
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			substitute := row[j]
			if a[i] != b[j] {
				substitute++
			}
			next[j+1] = min(substitute, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// ByLevel tells warnings and errors apart.
func ByLevel(list []Problem) (warnings, errs []Problem) {
	for _, p := range list {
		if p.Level == Error {
			errs = append(errs, p)
		} else {
			warnings = append(warnings, p)
		}
	}
	return warnings, errs
}
