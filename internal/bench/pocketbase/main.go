// Command pocketbase is PocketBase as it comes, with its own defaults: a peer to
// measure Postern beside. It is a module of its own, so that nothing of it gets
// near the product.
package main

import (
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase"
)

func main() {
	if err := pocketbase.New().Start(); err != nil {
		fmt.Fprintln(os.Stderr, "pocketbase:", err)
		os.Exit(1)
	}
}
