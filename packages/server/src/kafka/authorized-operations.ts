/**
 * What a client may do, as bits at the numbers of Kafka's operations: read 3, write 4, create 5, delete 6, alter 7,
 * describe 8, cluster action 9, describe configs 10, alter configs 11, idempotent write 12. Nothing restricts anybody
 * yet, and then Kafka lists all operations that the kind of resource has.
 */
export const TOPIC_OPERATIONS = bits(3, 4, 5, 6, 7, 8, 10, 11);
export const GROUP_OPERATIONS = bits(3, 6, 8);
export const CLUSTER_OPERATIONS = bits(5, 7, 8, 9, 10, 11, 12);

/** The client did not ask. */
export const OPERATIONS_NOT_ASKED = -2147483648;

function bits(...operations: readonly number[]): number {
  return operations.reduce((sum, operation) => sum | (1 << operation), 0);
}
