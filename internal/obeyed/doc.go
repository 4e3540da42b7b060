// Package obeyed holds what the settings of a project do, seen from outside: a table
// with a row for each key of the files that decide how people sign in. A row says what
// a caller sees before an import and after it, on both databases. A key without a row
// or a reason fails the test.
//
// It has tests only. What a feature does in its corners is tested beside the feature.
package obeyed
