//go:build !unix

package main

import "os"

func warnings() []os.Signal { return nil }
