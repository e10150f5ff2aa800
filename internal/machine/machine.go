// Package machine asks the operating system about memory, disk, processor time and the terminal.
package machine
