package atomicfile

import "os"

// syncDir does nothing: Windows cannot sync a directory and makes renames durable itself.
func syncDir(*os.File) error { return nil }
