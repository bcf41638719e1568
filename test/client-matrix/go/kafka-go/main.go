// What is asked of kafka-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"tidemq.invalid/client-matrix/checks"
)

const waitTimeMax = 20 * time.Second

var client *kafka.Client

func main() {
	checks.PrintClient("kafka-go", "github.com/segmentio/kafka-go")
	client = &kafka.Client{Addr: kafka.TCP(checks.Bootstrap()), Timeout: waitTimeMax}
	none := func(string) error { return checks.ErrNone }
	checks.Run([]checks.Check{
		{Name: "produce", Body: produce},
		{Name: "gzip", Body: compression(kafka.Gzip)},
		{Name: "snappy", Body: compression(kafka.Snappy)},
		{Name: "lz4", Body: compression(kafka.Lz4)},
		{Name: "zstd", Body: compression(kafka.Zstd)},
		{Name: "idempotence", Body: none},
		{Name: "group", Body: group},
		{Name: "commit", Body: commit},
		{Name: "seek", Body: seek},
		{Name: "list-offsets", Body: listOffsets},
		{Name: "offset-by-time", Body: offsetByTime},
		{Name: "topics", Body: topics},
		{Name: "config", Body: config},
		{Name: "delete", Body: deleteTopic},
		{Name: "transactions", Body: none},
	})
}

func soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeMax)
	time.AfterFunc(waitTimeMax, cancel)
	return ctx
}

func create(topic string, partitions int) error {
	answer, err := client.CreateTopics(soon(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func send(topic string, values []string, firstTime time.Time, codec kafka.Compression) error {
	writer := &kafka.Writer{Addr: kafka.TCP(checks.Bootstrap()), Topic: topic, Compression: codec, RequiredAcks: kafka.RequireAll,
		BatchTimeout: 50 * time.Millisecond, BatchSize: len(values)}
	defer writer.Close()
	messages := make([]kafka.Message, len(values))
	for at, value := range values {
		messages[at] = kafka.Message{Key: fmt.Appendf(nil, "key %d", at), Value: []byte(value),
			Headers: []kafka.Header{{Key: "at", Value: []byte(strconv.Itoa(at))}}}
		if !firstTime.IsZero() {
			messages[at].Time = firstTime.Add(time.Duration(at) * time.Second)
		}
	}
	return writer.WriteMessages(soon(), messages...)
}

func take(reader *kafka.Reader, count int) ([]kafka.Message, error) {
	taken := []kafka.Message{}
	for ctx := soon(); len(taken) < count; {
		one, err := reader.FetchMessage(ctx)
		if err != nil {
			return nil, fmt.Errorf("after %d records of %d: %w", len(taken), count, err)
		}
		taken = append(taken, one)
	}
	return taken, nil
}

func newReader(topic string) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{Brokers: []string{checks.Bootstrap()}, Topic: topic, MaxWait: 200 * time.Millisecond})
}

func read(topic string, count int) ([]kafka.Message, error) {
	reader := newReader(topic)
	defer reader.Close()
	return take(reader, count)
}

func valuesOf(messages []kafka.Message) []string {
	all := []string{}
	for _, one := range messages {
		all = append(all, string(one.Value))
	}
	return all
}

func prepared(topic string) error {
	return errors.Join(create(topic, 1), send(topic, checks.Values(10), time.Time{}, 0))
}

func produce(topic string) error {
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(20), time.Time{}, 0)); err != nil {
		return err
	}
	messages, err := read(topic, 20)
	if err != nil {
		return err
	}
	for at, one := range messages {
		found := []any{string(one.Key), one.Offset, one.Headers}
		wanted := []any{fmt.Sprintf("key %d", at), int64(at), []kafka.Header{{Key: "at", Value: []byte(strconv.Itoa(at))}}}
		if err := checks.Same(wanted, found); err != nil {
			return err
		}
	}
	return checks.Same(checks.Values(20), valuesOf(messages))
}

func compression(codec kafka.Compression) func(string) error {
	return func(topic string) error {
		if err := errors.Join(create(topic, 1), send(topic, checks.Values(200), time.Time{}, codec)); err != nil {
			return err
		}
		messages, err := read(topic, 200)
		return errors.Join(err, checks.Same(checks.Values(200), valuesOf(messages)))
	}
}

// joined is a member of a group, until its generation ends by another who joins.
func joined(topic string) (*kafka.ConsumerGroup, error) {
	return kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: topic + "-group", Brokers: []string{checks.Bootstrap()},
		Topics: []string{topic}, HeartbeatInterval: 300 * time.Millisecond, StartOffset: kafka.FirstOffset})
}

func group(topic string) error {
	if err := create(topic, 2); err != nil {
		return err
	}
	assigned := make(chan map[int][]int, 100)
	for at := range 2 {
		member, err := joined(topic)
		if err != nil {
			return err
		}
		defer member.Close()
		go func() {
			for {
				generation, err := member.Next(context.Background())
				if errors.Is(err, kafka.ErrGroupClosed) {
					return
				}
				if err != nil {
					continue
				}
				mine := []int{}
				for _, one := range generation.Assignments[topic] {
					mine = append(mine, one.ID)
				}
				generation.Start(func(ctx context.Context) { <-ctx.Done() })
				assigned <- map[int][]int{at: mine}
			}
		}()
	}
	now := map[int][]int{}
	for ctx := soon(); ; {
		select {
		case one := <-assigned:
			for at, mine := range one {
				now[at] = mine
			}
		case <-ctx.Done():
			return fmt.Errorf("not in time: one partition each, but %v", now)
		}
		if len(now[0]) == 1 && len(now[1]) == 1 && now[0][0] != now[1][0] {
			return nil
		}
	}
}

func commit(topic string) error {
	if err := prepared(topic); err != nil {
		return err
	}
	group := topic + "-group"
	for _, from := range []int{0, 4} {
		reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{checks.Bootstrap()}, Topic: topic, GroupID: group,
			MaxWait: 200 * time.Millisecond, StartOffset: kafka.FirstOffset})
		messages, err := take(reader, 10-from)
		if err == nil && from == 0 {
			err = reader.CommitMessages(soon(), messages[3])
		}
		_ = reader.Close()
		if err := errors.Join(err, checks.Same(checks.Values(10)[from:], valuesOf(messages))); err != nil {
			return err
		}
		answer, err := client.OffsetFetch(soon(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0}}})
		if err != nil {
			return err
		}
		if err := checks.Same(int64(4), answer.Topics[topic][0].CommittedOffset); err != nil {
			return err
		}
	}
	return nil
}

func seek(topic string) error {
	if err := prepared(topic); err != nil {
		return err
	}
	reader := newReader(topic)
	defer reader.Close()
	if _, err := take(reader, 10); err != nil {
		return err
	}
	if err := reader.SetOffset(7); err != nil {
		return err
	}
	messages, err := take(reader, 3)
	return errors.Join(err, checks.Same(checks.Values(10)[7:], valuesOf(messages)))
}

func listOffsets(topic string) error {
	if err := prepared(topic); err != nil {
		return err
	}
	answer, err := client.ListOffsets(soon(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}}})
	if err != nil {
		return err
	}
	found := answer.Topics[topic][0]
	return checks.Same([]int64{0, 10}, []int64{found.FirstOffset, found.LastOffset})
}

func offsetByTime(topic string) error {
	first := checks.FirstTime()
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), first, 0)); err != nil {
		return err
	}
	reader := newReader(topic)
	defer reader.Close()
	if err := reader.SetOffsetAt(soon(), first.Add(4500*time.Millisecond)); err != nil {
		return err
	}
	messages, err := take(reader, 5)
	if err != nil {
		return err
	}
	return checks.Same([]int64{5, first.UnixMilli() + 5000}, []int64{messages[0].Offset, messages[0].Time.UnixMilli()})
}

func partitionsOf(topic string) (int, error) {
	answer, err := client.Metadata(soon(), &kafka.MetadataRequest{})
	if err != nil {
		return 0, err
	}
	for _, one := range answer.Topics {
		if one.Name == topic {
			return len(one.Partitions), one.Error
		}
	}
	return 0, nil
}

func topics(topic string) error {
	if err := create(topic, 3); err != nil {
		return err
	}
	err := checks.Until("3 partitions", func() (bool, error) {
		count, err := partitionsOf(topic)
		return count == 3, err
	})
	if again := create(topic, 3); !errors.Is(again, kafka.TopicAlreadyExists) {
		return fmt.Errorf("created twice: %v", again)
	}
	return err
}

func config(topic string) error {
	if err := create(topic, 1); err != nil {
		return err
	}
	answer, err := client.IncrementalAlterConfigs(soon(), &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms", Value: "3600000", ConfigOperation: kafka.ConfigOperationSet}}}}})
	if err != nil || answer.Resources[0].Error != nil {
		return fmt.Errorf("%v %v", err, answer)
	}
	return checks.Until("the new value", func() (bool, error) {
		found, err := client.DescribeConfigs(soon(), &kafka.DescribeConfigsRequest{
			Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"retention.ms"}}}})
		return err == nil && found.Resources[0].ConfigEntries[0].ConfigValue == "3600000", err
	})
}

func deleteTopic(topic string) error {
	listed := func() (bool, error) {
		count, err := partitionsOf(topic)
		return count == 1, err
	}
	if err := errors.Join(create(topic, 1), checks.Until("a topic", listed)); err != nil {
		return err
	}
	answer, err := client.DeleteTopics(soon(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err := errors.Join(err, answer.Errors[topic]); err != nil {
		return err
	}
	return checks.Until("no topic", func() (bool, error) {
		count, err := partitionsOf(topic)
		return count == 0, err
	})
}
