package cpu

import (
	"fettle/internal/compute"
	"fettle/internal/compute/cpu/kernel"
)

// Levels names the levels of this machine.
func Levels() (names []string) {
	for _, l := range kernel.Levels() {
		names = append(names, l.Name)
	}
	return names
}

// Spoil replaces the kernels of dev by those that spoil returns.
func Spoil(dev compute.Device, spoil func(kernel.Level) kernel.Level) {
	d := dev.(*device)
	d.core = spoil(d.core)
}

// WithCodes makes dev, of level plain, multiply bytes in words of so many codes.
func WithCodes(dev compute.Device, codes int) compute.Device {
	dev.(*device).core.Codes = codes
	return dev
}

// InStrips makes dev pass over strips however few rows there are, if it can.
func InStrips(dev compute.Device) compute.Device {
	if core := &dev.(*device).core; core.StripRows > 0 || core.Name == "plain" {
		core.StripRows = 1
	}
	return dev
}

// Poison fills dev's scratch memory with NaN.
func Poison(dev compute.Device) {
	free, all := dev.(*device).free, [][]kernel.Word(nil)
	for size := 1; size < 1<<19; size *= 2 {
		for range 3 {
			words := free.words(size)
			words = words[:cap(words)]
			for i := range words {
				words[i] = 0xffffffff
			}
			all = append(all, words)
		}
	}
	for _, words := range all {
		free.putWords(words)
	}
}

// TwinsOfAMX returns level plain with the twins of tile registers, for WithAMX.
func TwinsOfAMX() kernel.Level {
	l := kernel.Plain()
	l.Name, l.AMX, l.BF16, l.Auto, l.Codes = "twins of AMX", kernel.PlainAMX(), true, true, 4
	return l
}

// WithAMX makes dev, of level plain, multiply in tile registers, by their twins, and keep the sums of few panels.
func WithAMX(dev compute.Device) compute.Device {
	d := dev.(*device)
	d.core, d.bf16, d.rounds, d.amxSums = TwinsOfAMX(), d.bf16 || d.rounds || d.int8, false, 3*kernel.AMXBlock
	return dev
}
