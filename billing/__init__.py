"""Buying credits: checkout, webhooks, automatic recharge, notices. Only here is stripe imported."""
