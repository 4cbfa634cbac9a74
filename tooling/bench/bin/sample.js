// The process of one sample: bin/sample.js ROW CONTENDER CASE OPS. Run it by hand under a profiler.
import '../dist/sample.js'
