package crashtest

// Hold sets how many disks a run keeps in memory.
func (c *Config) Hold(disks int) { c.held = disks }
