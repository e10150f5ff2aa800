package cpu

import "fettle/internal/compute"

// Levels names the levels of this machine.
func Levels() (names []string) {
	for _, l := range levels() {
		names = append(names, l.name)
	}
	return names
}

// AsStored makes dev keep even small matrices as they are stored.
func AsStored(dev compute.Device) compute.Device {
	dev.(*device).widenUpTo = 0
	return dev
}

// WithCodes makes dev, of level plain, multiply bytes in words of so many codes.
func WithCodes(dev compute.Device, codes int) compute.Device {
	dev.(*device).codes = codes
	return dev
}

// InStrips makes dev pass over strips however few rows there are, if it can.
func InStrips(dev compute.Device) compute.Device {
	if d := dev.(*device); d.stripRows > 0 || d.level.name == "plain" {
		d.stripRows = 1
	}
	return dev
}
