// Package examples holds the example project, so that the binary has something
// to show.
package examples

import "embed"

// Shop is the example project in the folder "shop", and what its connectors and
// providers need in "shop.secrets.json": none of these secrets opens anything.
//
//go:embed all:shop shop.secrets.json
var Shop embed.FS
