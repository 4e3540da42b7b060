//go:build !race

package testkit

// Race says that the race detector is at work; see race.go.
const Race = false
