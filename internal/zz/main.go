package main

import (
	"fmt"
	"os"
	"strconv"

	"fettle/internal/tinymodel"
)

func main() {
	n := func(i int) int { v, _ := strconv.Atoi(os.Args[i]); return v }
	// dir D F L H G V dtype rows len
	c := tinymodel.Config{Hidden: n(2), Intermediate: n(3), Layers: n(4), Heads: n(5), KVHeads: n(6), Vocab: n(7), DType: os.Args[8], MaxPositions: 4096}
	if err := tinymodel.Write(os.Args[1], c, 1); err != nil {
		panic(err)
	}
}
var _ = fmt.Sprint
