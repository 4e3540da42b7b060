// Package bench measures the main job, beside a floor that is measured in the
// same run, so that the ratios hold on any machine. It has no part in the
// product: all of it is in tests.
package bench
