// Package model is the reference of a runtime's store: what one that never fails
// would answer and hold. It lives in memory, has no files, no locks and no
// clock, and shares nothing with package store but its data types and the kinds
// of its errors: what one of the two gets wrong, the other should not.
package model
