// loki evaluates LogQL with Loki's own parser and query engine.
//
// usage: loki < REQUEST.json > RESULTS.json
//
// A request holds streams and queries. A result holds what Loki's HTTP API calls result: `series`,
// each with labels and [seconds, "value"] pairs, or `streams`, each with labels and
// [nanoseconds, line] pairs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/grafana/dskit/user"
	"github.com/grafana/loki/v3/pkg/logproto"
	"github.com/grafana/loki/v3/pkg/logql"
	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/grafana/loki/v3/pkg/logqlmodel"
)

type request struct {
	Streams []struct {
		// As a selector writes them.
		Labels  string  `json:"labels"`
		Entries []entry `json:"entries"`
	} `json:"streams"`
	Queries []query `json:"queries"`
}

// A line of a stream, and when it was written.
type entry struct {
	Nanoseconds int64  `json:"time"`
	Line        string `json:"line"`
}

// A query for numbers is evaluated from start to end, in seconds, every step; at the end alone if
// step is 0. One for lines returns those from start to before end.
type query struct {
	Expression string `json:"expression"`
	Start      int64  `json:"start"`
	End        int64  `json:"end"`
	Step       int64  `json:"step"`
}

type result struct {
	Series  any      `json:"series,omitempty"`
	Streams []stream `json:"streams,omitempty"`
}

type stream struct {
	Labels map[string]string `json:"stream"`
	Lines  [][2]any          `json:"lines"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "loki: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	streams := make([]logproto.Stream, len(asked.Streams))
	for number, each := range asked.Streams {
		streams[number].Labels = each.Labels
		for _, written := range each.Entries {
			streams[number].Entries = append(streams[number].Entries, logproto.Entry{
				Timestamp: time.Unix(0, written.Nanoseconds),
				Line:      written.Line,
			})
		}
	}
	// Loki's tests call it a mock because it reads memory; pipelines and extractors are the real ones.
	querier := logql.NewMockQuerier(0, streams)
	engine := logql.NewEngine(logql.EngineOpts{}, querier, logql.NoLimits, nil)
	results := make([]result, len(asked.Queries))
	for number, each := range asked.Queries {
		var err error
		if results[number], err = evaluate(engine, each); err != nil {
			return fmt.Errorf("%s: %w", each.Expression, err)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

func evaluate(engine *logql.QueryEngine, asked query) (result, error) {
	expression, err := syntax.ParseExpr(asked.Expression)
	if err != nil {
		return result{}, err
	}
	start, end := time.Unix(asked.Start, 0), time.Unix(asked.End, 0)
	if _, numbers := expression.(syntax.SampleExpr); numbers && asked.Step == 0 {
		start = end
	}
	params, err := logql.NewLiteralParams(
		asked.Expression, start, end, time.Duration(asked.Step)*time.Second, 0,
		logproto.FORWARD, math.MaxUint32, nil, nil,
	)
	if err != nil {
		return result{}, err
	}
	// Loki asks for a tenant, and this one has no limits.
	answer, err := engine.Query(params).Exec(user.InjectOrgID(context.Background(), "one"))
	if err != nil {
		return result{}, err
	}
	found, lines := answer.Data.(logqlmodel.Streams)
	if !lines {
		return result{Series: answer.Data}, nil
	}
	streams := make([]stream, len(found))
	for number, each := range found {
		labels, err := syntax.ParseLabels(each.Labels)
		if err != nil {
			return result{}, err
		}
		streams[number].Labels = labels.Map()
		for _, written := range each.Entries {
			line := [2]any{written.Timestamp.UnixNano(), written.Line}
			streams[number].Lines = append(streams[number].Lines, line)
		}
	}
	return result{Streams: streams}, nil
}
