// One request, one response. Error codes inside a response are data: the caller looks at every one of them.
import { type API, type Connection, ResponseError } from '@platformatic/kafka';
import { connectionError } from './errors.ts';

/**
 * The library throws when any error code in a response is not 0 and hides the rest of the response; here it is always returned.
 * @throws SplitterError `BrokerUnreachable` and its kin when there is no response.
 */
export async function call<Arguments extends unknown[], Response>(
  connection: Connection,
  api: API<Arguments, Response>,
  ...parameters: Arguments
): Promise<Response> {
  try {
    return await api.async(connection, ...parameters);
  } catch (error) {
    if (error instanceof ResponseError) return error['response'] as Response;
    throw connectionError(error, `Kafka broker ${connection.host}:${connection.port}`);
  }
}
