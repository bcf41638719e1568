// What is asked of franz-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemq.invalid/client-matrix/checks"
)

const waitTimeMax = 20 * time.Second

var admin *kadm.Client

func main() {
	checks.PrintClient("franz-go", "github.com/twmb/franz-go")
	client := must(newClient())
	defer client.Close()
	admin = kadm.NewClient(client)
	checks.Run([]checks.Check{
		{Name: "produce", Body: produce},
		{Name: "gzip", Body: compression(kgo.GzipCompression())},
		{Name: "snappy", Body: compression(kgo.SnappyCompression())},
		{Name: "lz4", Body: compression(kgo.Lz4Compression())},
		{Name: "zstd", Body: compression(kgo.ZstdCompression())},
		{Name: "idempotence", Body: idempotence},
		{Name: "group", Body: group(kgo.Balancers(kgo.RangeBalancer()), kgo.HeartbeatInterval(300*time.Millisecond))},
		{Name: "group-protocol", Body: group(kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))},
		{Name: "commit", Body: commit},
		{Name: "seek", Body: seek},
		{Name: "list-offsets", Body: listOffsets},
		{Name: "offset-by-time", Body: offsetByTime},
		{Name: "topics", Body: topics},
		{Name: "config", Body: config},
		{Name: "delete", Body: deleteTopic},
		{Name: "transactions", Body: transactions},
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeMax)
	time.AfterFunc(waitTimeMax, cancel)
	return ctx
}

func newClient(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(checks.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
}

func create(topic string, partitions int32) error {
	_, err := admin.CreateTopic(soon(), partitions, 1, nil, topic)
	return err
}

func send(topic string, values []string, firstTime time.Time, options ...kgo.Opt) error {
	client := must(newClient(options...))
	defer client.Close()
	records := make([]*kgo.Record, len(values))
	for at, value := range values {
		records[at] = &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "key %d", at), Value: []byte(value),
			Headers: []kgo.RecordHeader{{Key: "at", Value: []byte(strconv.Itoa(at))}}}
		if !firstTime.IsZero() {
			records[at].Timestamp = firstTime.Add(time.Duration(at) * time.Second)
		}
	}
	return client.ProduceSync(soon(), records...).FirstErr()
}

func take(client *kgo.Client, count int) ([]*kgo.Record, error) {
	taken := []*kgo.Record{}
	for ctx := soon(); len(taken) < count; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("after %d records of %d: %w", len(taken), count, err)
		}
		taken = append(taken, fetches.Records()...)
	}
	return taken, nil
}

func read(topic string, from int64, count int, options ...kgo.Opt) ([]*kgo.Record, error) {
	at := kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(from)}})
	client := must(newClient(append(options, at)...))
	defer client.Close()
	return take(client, count)
}

func valuesOf(records []*kgo.Record) []string {
	all := []string{}
	for _, one := range records {
		all = append(all, string(one.Value))
	}
	return all
}

func sendAndRead(topic string, count int, options ...kgo.Opt) ([]*kgo.Record, error) {
	if err := create(topic, 1); err != nil {
		return nil, err
	}
	if err := send(topic, checks.Values(count), time.Time{}, options...); err != nil {
		return nil, err
	}
	return read(topic, 0, count)
}

func produce(topic string) error {
	records, err := sendAndRead(topic, 20)
	if err != nil {
		return err
	}
	for at, one := range records {
		found := []any{string(one.Key), one.Offset, one.Headers}
		wanted := []any{fmt.Sprintf("key %d", at), int64(at), []kgo.RecordHeader{{Key: "at", Value: []byte(strconv.Itoa(at))}}}
		if err := checks.Same(wanted, found); err != nil {
			return err
		}
	}
	return checks.Same(checks.Values(20), valuesOf(records))
}

func compression(codec kgo.CompressionCodec) func(string) error {
	return func(topic string) error {
		records, err := sendAndRead(topic, 200, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(50*time.Millisecond))
		return errors.Join(err, checks.Same(checks.Values(200), valuesOf(records)))
	}
}

// Its producers are idempotent unless that is turned off.
func idempotence(topic string) error {
	records, err := sendAndRead(topic, 50)
	return errors.Join(err, checks.Same(checks.Values(50), valuesOf(records)))
}

// member polls until it is stopped, and says what it got.
type member struct {
	mutex    sync.Mutex
	assigned []int32
	client   *kgo.Client
}

func (one *member) change(partitions []int32, isAssigned bool) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	one.assigned = slices.DeleteFunc(one.assigned, func(partition int32) bool { return slices.Contains(partitions, partition) })
	if isAssigned {
		one.assigned = append(one.assigned, partitions...)
	}
}

func (one *member) only() (int32, bool) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	if len(one.assigned) != 1 {
		return 0, false
	}
	return one.assigned[0], true
}

func join(topic string, records chan *kgo.Record, options []kgo.Opt) *member {
	one := &member{}
	one.client = must(newClient(append(options, kgo.ConsumerGroup(topic+"-group"), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, now map[string][]int32) { one.change(now[topic], true) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { one.change(gone[topic], false) }))...))
	go func() {
		for {
			fetches := one.client.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachRecord(func(record *kgo.Record) { records <- record })
		}
	}()
	return one
}

func group(options ...kgo.Opt) func(string) error {
	return func(topic string) error {
		if err := create(topic, 2); err != nil {
			return err
		}
		records := make(chan *kgo.Record, 100)
		first, second := join(topic, records, options), join(topic, records, options)
		defer first.client.Close()
		defer second.client.Close()
		err := checks.Until("one partition each", func() (bool, error) {
			one, isOne := first.only()
			other, isOther := second.only()
			return isOne && isOther && one != other, nil
		})
		if err := errors.Join(err, send(topic, checks.Values(20), time.Time{})); err != nil {
			return err
		}
		taken := []*kgo.Record{}
		for late := soon(); len(taken) < 20; {
			select {
			case one := <-records:
				taken = append(taken, one)
			case <-late.Done():
				return fmt.Errorf("not in time: %d records of 20", len(taken))
			}
		}
		return checks.Same(checks.Values(20), valuesOf(taken))
	}
}

func commit(topic string) error {
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), time.Time{})); err != nil {
		return err
	}
	group := topic + "-group"
	for _, from := range []int{0, 4} {
		client := must(newClient(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())))
		records, err := take(client, 10-from)
		if err == nil && from == 0 {
			err = client.CommitRecords(soon(), records[3])
		}
		client.Close()
		if err := errors.Join(err, checks.Same(checks.Values(10)[from:], valuesOf(records))); err != nil {
			return err
		}
		committed, err := admin.FetchOffsets(soon(), group)
		if err != nil {
			return err
		}
		if err := checks.Same(int64(4), committed[topic][0].At); err != nil {
			return err
		}
	}
	return nil
}

func seek(topic string) error {
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), time.Time{})); err != nil {
		return err
	}
	client := must(newClient(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}})))
	defer client.Close()
	if _, err := take(client, 10); err != nil {
		return err
	}
	client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: 7}}})
	records, err := take(client, 3)
	return errors.Join(err, checks.Same(checks.Values(10)[7:], valuesOf(records)))
}

func listOffsets(topic string) error {
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), time.Time{})); err != nil {
		return err
	}
	starts, err := admin.ListStartOffsets(soon(), topic)
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(soon(), topic)
	return errors.Join(err, checks.Same([]int64{0, 10}, []int64{starts[topic][0].Offset, ends[topic][0].Offset}))
}

func offsetByTime(topic string) error {
	first := checks.FirstTime()
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), first)); err != nil {
		return err
	}
	found, err := admin.ListOffsetsAfterMilli(soon(), first.UnixMilli()+4500, topic)
	if err != nil {
		return err
	}
	records, err := read(topic, 5, 5)
	if err != nil {
		return err
	}
	return checks.Same([]int64{5, first.UnixMilli() + 5000}, []int64{found[topic][0].Offset, records[0].Timestamp.UnixMilli()})
}

func topics(topic string) error {
	if err := create(topic, 3); err != nil {
		return err
	}
	err := checks.Until("3 partitions", func() (bool, error) {
		details, err := admin.ListTopics(soon(), topic)
		return len(details[topic].Partitions) == 3, err
	})
	if again := create(topic, 3); !errors.Is(again, kerr.TopicAlreadyExists) {
		return fmt.Errorf("created twice: %v", again)
	}
	return err
}

func config(topic string) error {
	if err := create(topic, 1); err != nil {
		return err
	}
	value := "3600000"
	answers, err := admin.AlterTopicConfigs(soon(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &value}}, topic)
	if err != nil || answers[0].Err != nil {
		return fmt.Errorf("%v %v", err, answers)
	}
	return checks.Until("the new value", func() (bool, error) {
		described, err := admin.DescribeTopicConfigs(soon(), topic)
		if err != nil {
			return false, err
		}
		for _, one := range described[0].Configs {
			if one.Key == "retention.ms" {
				return one.MaybeValue() == value, nil
			}
		}
		return false, nil
	})
}

func deleteTopic(topic string) error {
	isListed := func() (bool, error) {
		details, err := admin.ListTopics(soon())
		return details.Has(topic), err
	}
	if err := errors.Join(create(topic, 1), checks.Until("a topic", isListed)); err != nil {
		return err
	}
	if _, err := admin.DeleteTopic(soon(), topic); err != nil {
		return err
	}
	return checks.Until("no topic", func() (bool, error) {
		listed, err := isListed()
		return !listed, err
	})
}

func transactions(topic string) error {
	if err := create(topic, 1); err != nil {
		return err
	}
	client := must(newClient(kgo.TransactionalID(topic)))
	defer client.Close()
	for at, value := range []string{"kept", "dropped", "kept, too"} {
		if err := client.BeginTransaction(); err != nil {
			return err
		}
		if err := client.ProduceSync(soon(), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
			return err
		}
		if err := client.EndTransaction(soon(), kgo.TransactionEndTry(at != 1)); err != nil {
			return err
		}
	}
	records, err := read(topic, 0, 2, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	return errors.Join(err, checks.Same([]string{"kept", "kept, too"}, valuesOf(records)))
}
