# SPDX-License-Identifier: Apache-2.0
"""ROS messages to our records and back: the only decoder and the only encoder.

Decoders read fields by name, so they take the objects of rclpy and those of rosbags alike. What
arrives from outside and makes no sense raises `MessageFormatError`, never `ValueError`.

Encoders take a `Make` as their first argument, which builds a message of either library:
`bags.schema.message` for recordings, `nodes.message_types.live` for topics.
"""
