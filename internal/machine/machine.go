// Package machine queries the operating system for memory, disk space, processor time and the terminal.
package machine
