"""Instances of Amazon EC2 (`ec2_sd_configs`), through boto3, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

from nexus.errors import TargetFailed
from nexus.pipeline.discovery.config import Ec2Discovery
from nexus.pipeline.discovery.group import ADDRESS, Group, sanitized

_META: Final = "__meta_ec2_"


async def list_instances(settings: Ec2Discovery) -> AsyncIterator[Sequence[Group]]:
    """One group of all instances, now and at each refresh. Raises `TargetFailed`."""
    finder = Finder(settings)
    while True:
        yield [await asyncio.to_thread(finder.find)]
        await asyncio.sleep(max(settings.refresh_interval.seconds, 1.0))


class Finder:
    """Asks EC2. Used by one thread at a time."""

    def __init__(self, settings: Ec2Discovery) -> None:
        """Nothing is asked yet."""
        self._settings = settings
        self._client: Any = None
        self._region = settings.region
        self._zones: dict[str, str] = {}

    def find(self) -> Group:
        """The instances now. Raises `TargetFailed`."""
        import botocore.exceptions

        try:
            if self._client is None:
                self._client = self._connect()
            filters = [{"Name": one.name, "Values": list(one.values)} for one in self._settings.filters]
            pages = self._client.get_paginator("describe_instances").paginate(Filters=filters)
            reservations = [found for page in pages for found in page.get("Reservations", ())]
            return Group(self._region, tuple(self._targets(reservations)))
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise TargetFailed(f"EC2 could not be asked: {str(error)[:300]}") from error

    def _connect(self) -> Any:
        import boto3
        from botocore.config import Config

        settings = self._settings
        session = boto3.Session(
            aws_access_key_id=settings.access_key or None,
            aws_secret_access_key=settings.secret_key or None,
            profile_name=settings.profile or None,
            region_name=settings.region or None,
        )
        # Without one it is that of the profile, the environment, or the machine itself.
        self._region = session.region_name or _own_region()
        config = Config(
            connect_timeout=10,
            read_timeout=30,
            retries={"max_attempts": 3},
            proxies={"http": settings.proxy_url, "https": settings.proxy_url} if settings.proxy_url else None,
        )
        common: dict[str, Any] = {
            "region_name": self._region,
            "config": config,
            "endpoint_url": settings.endpoint or None,
            "verify": False if settings.tls_config.insecure_skip_verify else settings.tls_config.ca_file or None,
        }
        if settings.role_arn:
            asked = {"RoleArn": settings.role_arn, "RoleSessionName": "nexus"}
            if settings.external_id:
                asked["ExternalId"] = settings.external_id
            given = session.client("sts", **common).assume_role(**asked)["Credentials"]
            # These expire: after the first refusal everything is made anew by the next attempt.
            session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return session.client("ec2", **common)

    def _zone_id(self, zone: str) -> str:
        if zone and zone not in self._zones:
            import botocore.exceptions

            try:
                found = self._client.describe_availability_zones()["AvailabilityZones"]
                self._zones.update({one["ZoneName"]: one.get("ZoneId", "") for one in found})
            except botocore.exceptions.ClientError:
                # The permission for it is optional.
                pass
            self._zones.setdefault(zone, "")
        return self._zones.get(zone, "")

    def _targets(self, reservations: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, str]]:
        for reservation in reservations:
            for instance in reservation.get("Instances", ()):
                if not instance.get("PrivateIpAddress") and not _ipv6(instance):
                    continue
                zone = instance.get("Placement", {}).get("AvailabilityZone", "")
                yield labels_of(
                    instance, reservation.get("OwnerId", ""), self._region, self._zone_id(zone), self._settings.port
                )


def labels_of(instance: Mapping[str, Any], owner: str, region: str, zone_id: str, port: int) -> dict[str, str]:
    """The labels of an instance."""
    interfaces = [one for one in instance.get("NetworkInterfaces", ()) if one.get("SubnetId")]
    addresses = _ipv6(instance)
    primary = [
        one["Ipv6Address"]
        for interface in sorted(interfaces, key=lambda one: one.get("Attachment", {}).get("DeviceIndex", 0))
        for one in interface.get("Ipv6Addresses", ())
        if one.get("IsPrimaryIpv6")
    ]
    default = addresses[0] if addresses else ""
    host = instance.get("PrivateIpAddress") or f"[{default}]"
    subnets = list(dict.fromkeys(one["SubnetId"] for one in interfaces))
    found = {
        ADDRESS: f"{host}:{port}",
        f"{_META}instance_id": instance.get("InstanceId", ""),
        f"{_META}region": region,
        f"{_META}owner_id": owner,
        f"{_META}default_ipv6_address": default,
        f"{_META}private_ip": instance.get("PrivateIpAddress", ""),
        f"{_META}private_dns_name": instance.get("PrivateDnsName", ""),
        f"{_META}platform": instance.get("Platform", ""),
        f"{_META}public_ip": instance.get("PublicIpAddress", ""),
        f"{_META}public_dns_name": instance.get("PublicDnsName", "") if instance.get("PublicIpAddress") else "",
        f"{_META}primary_ipv6_addresses": _joined(primary),
        f"{_META}ipv6_addresses": _joined(addresses),
        f"{_META}ami": instance.get("ImageId", ""),
        f"{_META}availability_zone": instance.get("Placement", {}).get("AvailabilityZone", ""),
        f"{_META}availability_zone_id": zone_id,
        f"{_META}instance_state": instance.get("State", {}).get("Name", ""),
        f"{_META}instance_type": instance.get("InstanceType", ""),
        f"{_META}instance_lifecycle": instance.get("InstanceLifecycle", ""),
        f"{_META}architecture": instance.get("Architecture", ""),
        f"{_META}vpc_id": instance.get("VpcId", ""),
        f"{_META}primary_subnet_id": instance.get("SubnetId", "") if instance.get("VpcId") else "",
        f"{_META}subnet_id": _joined(subnets) if instance.get("VpcId") else "",
    }
    found.update({f"{_META}tag_{sanitized(tag['Key'])}": tag.get("Value", "") for tag in instance.get("Tags", ())})
    return {name: value for name, value in found.items() if value}


def _ipv6(instance: Mapping[str, Any]) -> list[str]:
    interfaces = instance.get("NetworkInterfaces", ())
    return [one["Ipv6Address"] for interface in interfaces for one in interface.get("Ipv6Addresses", ())]


def _joined(texts: Sequence[str]) -> str:
    return f",{','.join(texts)}," if texts else ""


def _own_region() -> str:
    """The region of the machine that we run on. Raises `TargetFailed`."""
    from botocore.utils import InstanceMetadataRegionFetcher

    region = InstanceMetadataRegionFetcher(timeout=2, num_attempts=1).retrieve_region()
    if not region:
        raise TargetFailed("`ec2_sd_configs` names no `region`, and this machine is in none")
    return str(region)
