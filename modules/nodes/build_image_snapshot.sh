#!/bin/bash
# Makes an EBS snapshot with container images for GpuPool(image_snapshot=ImageSnapshot(...)), and prints its id.
#
# Run it where the AWS CLI has rights to run instances and make snapshots. It starts one instance of the EKS AMI that the
# nodes run, which pulls the images with that AMI's own containerd onto a volume and stops; then the volume is
# snapshotted, and the instance ends. Nothing else is left behind.
#
#   AMI=ami-... SUBNET=subnet-... PROFILE=instance-profile-name \
#     build_image_snapshot.sh vllm/vllm-openai:v0.27.1 [image ...]
#
# AMI      the pool's AMI: aws ssm get-parameter --query Parameter.Value --output text --name \
#            /aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/recommended/image_id
# SUBNET   a private subnet with a way to the registries
# PROFILE  an instance profile; with AmazonEC2ContainerRegistryPullOnly where images lie in ECR
# Optional: GROUP (security group), TYPE (m7i.2xlarge), SIZE_GIB (100), KMS_KEY_ID (the account's EBS key)
set -euo pipefail
: "${AMI:?}" "${SUBNET:?}" "${PROFILE:?}"
(($#)) || { echo "name at least one image" >&2; exit 2; }
label=llm-images
type=${TYPE:-m7i.2xlarge}
size=${SIZE_GIB:-100}

images=()
for image in "$@"; do
  [[ $image =~ ^[A-Za-z0-9._:/@-]+$ ]] || { echo "not an image: $image" >&2; exit 2; }
  # Docker Hub is written out, as containerd has it.
  first=${image%%/*}
  if [[ $image != */* ]]; then
    image=docker.io/library/$image
  elif [[ $first != *.* && $first != *:* ]]; then
    image=docker.io/$image
  fi
  images+=("$image")
done

user_data=$(mktemp)
instance=
finish() {
  rm -f "$user_data"
  [[ -z $instance ]] || aws ec2 terminate-instances --instance-ids "$instance" >/dev/null
}
trap finish EXIT

cat >"$user_data" <<SCRIPT
#!/bin/bash
set -euxo pipefail
# A failure keeps the last line away, and without it no snapshot is made.
trap 'systemctl poweroff' EXIT
root=\$(lsblk -no PKNAME "\$(findmnt -no SOURCE /)" | head -1)
device=
for _ in \$(seq 60); do
  device=\$(lsblk -dnpo NAME,TYPE,MODEL | awk '/disk/ && /Elastic Block Store/ {print \$1}' | grep -v "\$root" | head -1 || true)
  [[ -z \$device ]] || break
  sleep 2
done
mkfs.xfs -L $label "\$device"
systemctl stop containerd || true
mkdir -p /mnt/images && mount "\$device" /mnt/images
# What the AMI has already, its pause image among it.
cp -a /var/lib/containerd/. /mnt/images/
umount /mnt/images && mount "\$device" /var/lib/containerd
systemctl start containerd
for image in ${images[*]}; do
  login=()
  if [[ \$image == *.dkr.ecr.*.amazonaws.com/* ]]; then
    registry=\${image%%/*}
    region=\$(cut -d. -f4 <<<"\$registry")
    login=(--user "AWS:\$(aws ecr get-login-password --region "\$region")")
  fi
  ctr --namespace k8s.io images pull --label io.cri-containerd.image=managed "\${login[@]}" "\$image" >/dev/null
done
systemctl stop containerd
sync && umount /var/lib/containerd
echo "llminfra: images are complete" >/dev/console
SCRIPT

ebs="VolumeSize=$size,VolumeType=gp3,Throughput=600,Iops=6000,DeleteOnTermination=true,Encrypted=true"
group=()
[[ -z ${GROUP:-} ]] || group=(--security-group-ids "$GROUP")
[[ -z ${KMS_KEY_ID:-} ]] || ebs+=",KmsKeyId=$KMS_KEY_ID"
instance=$(aws ec2 run-instances --image-id "$AMI" --instance-type "$type" --subnet-id "$SUBNET" \
  "${group[@]}" --iam-instance-profile "Name=$PROFILE" \
  --user-data "file://$user_data" --instance-initiated-shutdown-behavior stop \
  --metadata-options HttpTokens=required,HttpPutResponseHopLimit=1 \
  --block-device-mappings "DeviceName=/dev/xvdb,Ebs={$ebs}" \
  --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=llminfra-image-snapshot}]' \
  --query 'Instances[0].InstanceId' --output text)
echo "$instance pulls ${images[*]}" >&2
aws ec2 wait instance-running --instance-ids "$instance"
# The waiter gives up after ten minutes; large images take longer.
for _ in 1 2 3 4; do
  aws ec2 wait instance-stopped --instance-ids "$instance" && break
done

volume=$(aws ec2 describe-instances --instance-ids "$instance" --output text \
  --query "Reservations[0].Instances[0].BlockDeviceMappings[?DeviceName=='/dev/xvdb'].Ebs.VolumeId")
aws ec2 get-console-output --instance-id "$instance" --latest --output text --query Output \
  | grep -q "llminfra: images are complete" \
  || { echo "the images could not be pulled: see aws ec2 get-console-output --instance-id $instance" >&2; exit 1; }

snapshot=$(aws ec2 create-snapshot --volume-id "$volume" --description "Container images: ${images[*]}" \
  --tag-specifications 'ResourceType=snapshot,Tags=[{Key=Name,Value=llminfra-images}]' \
  --query SnapshotId --output text)
for _ in 1 2 3 4; do
  aws ec2 wait snapshot-completed --snapshot-ids "$snapshot" && break
done
echo "$snapshot"
