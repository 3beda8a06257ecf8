// promql evaluates PromQL with Prometheus' own storage and query engine.
//
// usage: promql < REQUEST.json > RESULTS.json
//
// A request holds series, which all begin at the epoch, and queries. A result is what Prometheus'
// HTTP API calls result: a list of series, each with labels and [seconds, "value"] pairs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

type request struct {
	// Seconds between two samples.
	Interval int64 `json:"interval"`
	Series   []struct {
		Labels map[string]string `json:"labels"`
		// One sample an interval; null where there is none.
		Samples []*float64 `json:"samples"`
	} `json:"series"`
	Queries []query `json:"queries"`
}

// A query is evaluated from start to end, in seconds, every step; at the end alone if step is 0.
type query struct {
	Expression string `json:"expression"`
	Start      int64  `json:"start"`
	End        int64  `json:"end"`
	Step       int64  `json:"step"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "promql: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	folder, err := os.MkdirTemp("", "promql")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	options := tsdb.DefaultOptions()
	options.WALSegmentSize = -1 // nothing is kept, so nothing is logged
	options.MinBlockDuration = (30 * 24 * time.Hour).Milliseconds()
	options.MaxBlockDuration = options.MinBlockDuration
	db, err := tsdb.Open(folder, nil, nil, options, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := load(db, &asked); err != nil {
		return fmt.Errorf("loading the series: %w", err)
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:           50_000_000,
		Timeout:              time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
	})
	results := make([]parser.Value, len(asked.Queries))
	for number, each := range asked.Queries {
		if results[number], err = evaluate(engine, db, each); err != nil {
			return fmt.Errorf("%s: %w", each.Expression, err)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

func load(db *tsdb.DB, asked *request) error {
	appender := db.Appender(context.Background())
	for _, series := range asked.Series {
		named := labels.FromMap(series.Labels)
		var reference storage.SeriesRef
		for number, value := range series.Samples {
			if value == nil {
				continue
			}
			var err error
			milliseconds := int64(number) * asked.Interval * 1000
			if reference, err = appender.Append(reference, named, milliseconds, *value); err != nil {
				return fmt.Errorf("%s: %w", named, err)
			}
		}
	}
	return appender.Commit()
}

func evaluate(engine *promql.Engine, db *tsdb.DB, asked query) (parser.Value, error) {
	ctx, end := context.Background(), time.Unix(asked.End, 0)
	var prepared promql.Query
	var err error
	if asked.Step == 0 {
		prepared, err = engine.NewInstantQuery(ctx, db, nil, asked.Expression, end)
	} else {
		start, step := time.Unix(asked.Start, 0), time.Duration(asked.Step)*time.Second
		prepared, err = engine.NewRangeQuery(ctx, db, nil, asked.Expression, start, end, step)
	}
	if err != nil {
		return nil, err
	}
	// Left open: closing it would take the result's memory back.
	result := prepared.Exec(ctx)
	return result.Value, result.Err
}
