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
