package measure

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"
)

// Confidence is that of all intervals.
const Confidence = 0.95

// LeastRounds is how many rounds such an interval takes: the middle of five lies outside of all of them in one case of
// 16.
const LeastRounds = 6

// An Interval is a median, and what it lies between with 95 % confidence, whatever the distribution: two of the values,
// by their rank.
type Interval struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Middle returns the median of the values. Of fewer than LeastRounds the interval is all of them, which is less sure.
func Middle(values []float64) Interval {
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	s := benchmath.AssumeNothing.Summary(sample, Confidence)
	i := Interval{s.Center, s.Lo, s.Hi}
	if math.IsInf(i.Low, 0) {
		i.Low = slices.Min(values)
	}
	if math.IsInf(i.High, 0) {
		i.High = slices.Max(values)
	}
	return i
}

// Ratio returns how many times as fast ours is as theirs: the median of the ratios of the rounds.
func Ratio(ours, theirs []float64) Interval {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = theirs[i] / ours[i]
	}
	return Middle(ratios)
}

// Percentile returns the value that a share q of the sorted values lies below, with the same confidence. A bound that
// there aren't enough values for is the least or the greatest of them.
func Percentile(sorted []float64, q float64) Interval {
	rank := stats.QuantileCI(len(sorted), q, Confidence)
	at := func(order int) float64 { return sorted[min(max(order, 1), len(sorted))-1] }
	return Interval{at(int(math.Ceil(q * float64(len(sorted))))), at(rank.LoOrder), at(rank.HiOrder)}
}
