"""py-key-value's port over a DynamoDB table, with boto3 in threads.

The package has such a store of its own, on a client that wants a botocore of 2025. The table has the
partition key `collection` and the sort key `key`, both strings. `ttl` is what DynamoDB deletes by, in whole
seconds and up to two days late; `expires` is what a read goes by.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, SupportsFloat, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from key_value.aio.errors import InvalidTTLError, StoreConnectionError, StoreSetupError

from skerry.auth.jwt.keys import Clock
from skerry.wire import trace

DEFAULT_COLLECTION = "default_collection"
THREADS = 4

Value = TypeVar("Value")
Entry = dict[str, Any]


class DynamoDBState:
    """An AsyncKeyValue. `create` makes a table that is missing, for machines of one's own."""

    def __init__(
        self, table: str, *, clock: Clock, region: str = "", endpoint_url: str = "", create: bool = False
    ) -> None:
        self._table, self._clock, self._create = table, clock, create
        self._where = {"region_name": region or None, "endpoint_url": endpoint_url or None}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb-state")
        self._guard = threading.Lock()
        self._client: Any = None

    async def close(self) -> None:
        """Lets go of connections and threads."""
        await asyncio.to_thread(self._pool.shutdown)
        if self._client is not None:
            self._client.close()

    async def get(self, key: str, *, collection: str | None = None) -> Entry | None:
        """The value of a key, or None when it is absent or too old."""
        return (await self.ttl(key, collection=collection))[0]

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[Entry | None, float | None]:
        """The value of a key and how many seconds it has left; None for both when it is absent."""
        answer = await self._call("get_item", Key=_key(key, collection), ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            return None, None
        left = None
        if "expires" in item:
            left = float(Decimal(item["expires"]["N"])) - self._clock.time()
            if left <= 0:
                return None, None
        return json.loads(item["value"]["S"]), left

    async def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        """Keeps a value, for `ttl` seconds when that is given."""
        item = {**_key(key, collection), "value": {"S": json.dumps(dict(value))}}
        if ttl is not None:
            seconds = float(ttl)
            if isinstance(ttl, bool) or seconds <= 0:
                raise InvalidTTLError(ttl=ttl)
            expires = self._clock.time() + seconds
            item["expires"] = {"N": f"{expires:.3f}"}
            item["ttl"] = {"N": str(int(expires) + 1)}
        await self._call("put_item", Item=item)

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        """Deletes a key; whether it was there."""
        answer = await self._call("delete_item", Key=_key(key, collection), ReturnValues="ALL_OLD")
        return "Attributes" in answer

    async def get_many(self, keys: Sequence[str], *, collection: str | None = None) -> list[Entry | None]:
        """The values of several keys, in their order."""
        return [value for value, _ in await self.ttl_many(keys, collection=collection)]

    async def ttl_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[tuple[Entry | None, float | None]]:
        """As `ttl`, of several keys."""
        return list(await asyncio.gather(*(self.ttl(key, collection=collection) for key in keys)))

    async def put_many(
        self,
        keys: Sequence[str],
        values: Sequence[Mapping[str, Any]],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        """Keeps several values."""
        pairs = list(zip(keys, values, strict=True))
        await asyncio.gather(*(self.put(key, value, collection=collection, ttl=ttl) for key, value in pairs))

    async def delete_many(self, keys: Sequence[str], *, collection: str | None = None) -> int:
        """Deletes several keys; how many were there."""
        return sum(await asyncio.gather(*(self.delete(key, collection=collection) for key in keys)))

    async def _call(self, operation: str, **members: Any) -> Entry:
        return await self._in_thread(lambda: self._send(operation, members))

    async def _in_thread(self, work: Callable[[], Value]) -> Value:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _send(self, operation: str, members: Entry) -> Entry:
        try:
            answer: Entry = getattr(self._connected(), operation)(TableName=self._table, **members)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            raise StoreConnectionError(f"DynamoDB refused {operation}: {code}.") from error
        except BotoCoreError as error:
            raise StoreConnectionError(f"DynamoDB does not answer: {type(error).__name__}.") from error
        return answer

    def _connected(self) -> Any:
        with self._guard:
            if self._client is None:
                config = Config(
                    connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
                )
                client = boto3.Session().client("dynamodb", config=config, **self._where)
                client.meta.events.register("before-send", trace.mark)
                if self._create:
                    self._make_table(client)
                self._client = client
        return self._client

    def _make_table(self, client: Any) -> None:
        try:
            client.create_table(
                TableName=self._table,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[
                    {"AttributeName": "collection", "KeyType": "HASH"},
                    {"AttributeName": "key", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[
                    {"AttributeName": "collection", "AttributeType": "S"},
                    {"AttributeName": "key", "AttributeType": "S"},
                ],
                SSESpecification={"Enabled": True},
            )
            client.get_waiter("table_exists").wait(TableName=self._table)
            client.update_time_to_live(
                TableName=self._table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code != "ResourceInUseException":
                raise StoreSetupError(f"DynamoDB refused to create the table: {code}.") from error


def _key(key: str, collection: str | None) -> Entry:
    return {"collection": {"S": collection or DEFAULT_COLLECTION}, "key": {"S": key}}
