// What is asked of sarama.
package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"tidemq.invalid/client-matrix/checks"
)

const waitTimeMax = 20 * time.Second

var admin sarama.ClusterAdmin

func main() {
	checks.PrintClient("sarama", "github.com/IBM/sarama")
	admin = must(sarama.NewClusterAdmin(brokers(), settings()))
	defer admin.Close()
	checks.Run([]checks.Check{
		{Name: "produce", Body: produce},
		{Name: "gzip", Body: compression(sarama.CompressionGZIP)},
		{Name: "snappy", Body: compression(sarama.CompressionSnappy)},
		{Name: "lz4", Body: compression(sarama.CompressionLZ4)},
		{Name: "zstd", Body: compression(sarama.CompressionZSTD)},
		{Name: "idempotence", Body: idempotence},
		{Name: "group", Body: group},
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

func brokers() []string { return []string{checks.Bootstrap()} }

func settings() *sarama.Config {
	all := sarama.NewConfig()
	all.Version = sarama.MaxVersion
	all.Producer.Return.Successes = true
	all.Producer.Partitioner = sarama.NewManualPartitioner
	all.Consumer.Offsets.Initial = sarama.OffsetOldest
	all.Consumer.Offsets.AutoCommit.Enable = false
	return all
}

func idempotent() *sarama.Config {
	all := settings()
	all.Producer.Idempotent = true
	all.Producer.RequiredAcks = sarama.WaitForAll
	all.Net.MaxOpenRequests = 1
	return all
}

func create(topic string, partitions int32) error {
	return admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false)
}

func send(topic string, values []string, firstTime time.Time, config *sarama.Config) error {
	producer, err := sarama.NewSyncProducer(brokers(), config)
	if err != nil {
		return err
	}
	defer producer.Close()
	messages := make([]*sarama.ProducerMessage, len(values))
	for at, value := range values {
		messages[at] = &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(fmt.Sprintf("key %d", at)),
			Value:   sarama.StringEncoder(value),
			Headers: []sarama.RecordHeader{{Key: []byte("at"), Value: []byte(strconv.Itoa(at))}}}
		if !firstTime.IsZero() {
			messages[at].Timestamp = firstTime.Add(time.Duration(at) * time.Second)
		}
	}
	return producer.SendMessages(messages)
}

func read(topic string, from int64, count int, config *sarama.Config) ([]*sarama.ConsumerMessage, error) {
	consumer, err := sarama.NewConsumer(brokers(), config)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, from)
	if err != nil {
		return nil, err
	}
	defer partition.Close()
	return take(partition.Messages(), count)
}

func take(messages <-chan *sarama.ConsumerMessage, count int) ([]*sarama.ConsumerMessage, error) {
	taken := []*sarama.ConsumerMessage{}
	for late := time.After(waitTimeMax); len(taken) < count; {
		select {
		case one := <-messages:
			taken = append(taken, one)
		case <-late:
			return nil, fmt.Errorf("not in time: %d records of %d", len(taken), count)
		}
	}
	return taken, nil
}

func valuesOf(messages []*sarama.ConsumerMessage) []string {
	all := []string{}
	for _, one := range messages {
		all = append(all, string(one.Value))
	}
	return all
}

func sendAndRead(topic string, count int, config *sarama.Config) ([]*sarama.ConsumerMessage, error) {
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(count), time.Time{}, config)); err != nil {
		return nil, err
	}
	return read(topic, 0, count, settings())
}

func produce(topic string) error {
	messages, err := sendAndRead(topic, 20, settings())
	if err != nil {
		return err
	}
	for at, one := range messages {
		found := []any{string(one.Key), one.Offset, string(one.Headers[0].Key), string(one.Headers[0].Value)}
		if err := checks.Same([]any{fmt.Sprintf("key %d", at), int64(at), "at", strconv.Itoa(at)}, found); err != nil {
			return err
		}
	}
	return checks.Same(checks.Values(20), valuesOf(messages))
}

func compression(codec sarama.CompressionCodec) func(string) error {
	return func(topic string) error {
		config := settings()
		config.Producer.Compression = codec
		messages, err := sendAndRead(topic, 200, config)
		return errors.Join(err, checks.Same(checks.Values(200), valuesOf(messages)))
	}
}

func idempotence(topic string) error {
	messages, err := sendAndRead(topic, 50, idempotent())
	return errors.Join(err, checks.Same(checks.Values(50), valuesOf(messages)))
}

// member is what a group calls back.
type member struct {
	mutex    sync.Mutex
	assigned []int32
	messages chan *sarama.ConsumerMessage
	mark     func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage)
}

func (one *member) Setup(session sarama.ConsumerGroupSession) error {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	for _, partitions := range session.Claims() {
		one.assigned = partitions
	}
	return nil
}

func (one *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (one *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		one.messages <- message
		if one.mark != nil {
			one.mark(session, message)
		}
	}
	return nil
}

// join starts a member; what it returns ends it.
func join(topic string, one *member) (func(), error) {
	config := settings()
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	group, err := sarama.NewConsumerGroup(brokers(), topic+"-group", config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil && group.Consume(ctx, []string{topic}, one) == nil {
			continue
		}
	}()
	return func() {
		cancel()
		_ = group.Close()
	}, nil
}

func group(topic string) error {
	if err := create(topic, 2); err != nil {
		return err
	}
	messages := make(chan *sarama.ConsumerMessage, 100)
	members := []*member{{messages: messages}, {messages: messages}}
	for _, one := range members {
		leave, err := join(topic, one)
		if err != nil {
			return err
		}
		defer leave()
	}
	got := map[int32]bool{}
	err := checks.Until("one partition each", func() (bool, error) {
		clear(got)
		for _, one := range members {
			one.mutex.Lock()
			if len(one.assigned) == 1 {
				got[one.assigned[0]] = true
			}
			one.mutex.Unlock()
		}
		return len(got) == 2, nil
	})
	if err := errors.Join(err, send(topic, checks.Values(20), time.Time{}, settings())); err != nil {
		return err
	}
	taken, err := take(messages, 20)
	return errors.Join(err, checks.Same(checks.Values(20), valuesOf(taken)))
}

func commit(topic string) error {
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), time.Time{}, settings())); err != nil {
		return err
	}
	for _, from := range []int{0, 4} {
		one := &member{messages: make(chan *sarama.ConsumerMessage, 100)}
		one.mark = func(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) {
			if from == 0 && message.Offset == 9 {
				session.MarkOffset(topic, 0, 4, "")
				session.Commit()
			}
		}
		leave, err := join(topic, one)
		if err != nil {
			return err
		}
		taken, err := take(one.messages, 10-from)
		if err == nil {
			err = checks.Until("the commit", func() (bool, error) {
				found, err := admin.ListConsumerGroupOffsets(topic+"-group", map[string][]int32{topic: {0}})
				return err == nil && found.GetBlock(topic, 0).Offset == 4, err
			})
		}
		leave()
		if err := errors.Join(err, checks.Same(checks.Values(10)[from:], valuesOf(taken))); err != nil {
			return err
		}
	}
	return nil
}

// It has no seek of its own: a partition is consumed anew from another offset.
func seek(topic string) error {
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), time.Time{}, settings())); err != nil {
		return err
	}
	messages, err := read(topic, 7, 3, settings())
	return errors.Join(err, checks.Same(checks.Values(10)[7:], valuesOf(messages)))
}

func offsetsAt(topic string, times ...int64) ([]int64, error) {
	client, err := sarama.NewClient(brokers(), settings())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	found := []int64{}
	for _, one := range times {
		offset, err := client.GetOffset(topic, 0, one)
		if err != nil {
			return nil, err
		}
		found = append(found, offset)
	}
	return found, nil
}

func listOffsets(topic string) error {
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), time.Time{}, settings())); err != nil {
		return err
	}
	found, err := offsetsAt(topic, sarama.OffsetOldest, sarama.OffsetNewest)
	return errors.Join(err, checks.Same([]int64{0, 10}, found))
}

func offsetByTime(topic string) error {
	first := checks.FirstTime()
	if err := errors.Join(create(topic, 1), send(topic, checks.Values(10), first, settings())); err != nil {
		return err
	}
	found, err := offsetsAt(topic, first.UnixMilli()+4500)
	if err := errors.Join(err, checks.Same([]int64{5}, found)); err != nil {
		return err
	}
	messages, err := read(topic, 5, 5, settings())
	if err != nil {
		return err
	}
	return checks.Same(first.UnixMilli()+5000, messages[0].Timestamp.UnixMilli())
}

func topics(topic string) error {
	if err := create(topic, 3); err != nil {
		return err
	}
	err := checks.Until("3 partitions", func() (bool, error) {
		found, err := admin.DescribeTopics([]string{topic})
		return err == nil && len(found[0].Partitions) == 3, err
	})
	if again := create(topic, 3); !errors.Is(again, sarama.ErrTopicAlreadyExists) {
		return fmt.Errorf("created twice: %v", again)
	}
	return err
}

func config(topic string) error {
	if err := create(topic, 1); err != nil {
		return err
	}
	value := "3600000"
	set := map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}
	if err := admin.IncrementalAlterConfig(sarama.TopicResource, topic, set, false); err != nil {
		return err
	}
	return checks.Until("the new value", func() (bool, error) {
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}})
		return err == nil && len(entries) == 1 && entries[0].Value == value, err
	})
}

func deleteTopic(topic string) error {
	isListed := func() (bool, error) {
		all, err := admin.ListTopics()
		_, found := all[topic]
		return found, err
	}
	if err := errors.Join(create(topic, 1), checks.Until("a topic", isListed), admin.DeleteTopic(topic)); err != nil {
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
	config := idempotent()
	config.Producer.Transaction.ID = topic
	producer, err := sarama.NewSyncProducer(brokers(), config)
	if err != nil {
		return err
	}
	defer producer.Close()
	for at, value := range []string{"kept", "dropped", "kept, too"} {
		if err := producer.BeginTxn(); err != nil {
			return err
		}
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)}); err != nil {
			return err
		}
		end := producer.CommitTxn
		if at == 1 {
			end = producer.AbortTxn
		}
		if err := end(); err != nil {
			return err
		}
	}
	committed := settings()
	committed.Consumer.IsolationLevel = sarama.ReadCommitted
	messages, err := read(topic, 0, 2, committed)
	return errors.Join(err, checks.Same([]string{"kept", "kept, too"}, valuesOf(messages)))
}
